"""The layer that every function of a stack shares."""

import tempfile
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library import defaults, packaging
from services.library.dependencies import Dependencies


class Layer(Construct):
    """services/library/runtime and what it imports, as one layer version; get a stack's own with `Layer.of`."""

    version: lambda_.LayerVersion

    def __init__(self, scope: Construct, id_: str, *, root: Path, dependencies: Dependencies) -> None:
        super().__init__(scope, id_)
        with tempfile.TemporaryDirectory() as folder:
            self.version = lambda_.LayerVersion(
                self,
                "Version",
                code=code(packaging.layer(root, dependencies), Path(folder)),
                compatible_runtimes=[defaults.FUNCTION_RUNTIME],
                compatible_architectures=[defaults.FUNCTION_ARCHITECTURE],
                description="services/library/runtime and the dependency group `runtime`",
            )

    @classmethod
    def of(cls, scope: Construct, *, root: Path, dependencies: Dependencies) -> "Layer":
        """The one layer of the scope's stack, made when the first function asks for it."""
        stack = cdk.Stack.of(scope)
        found = stack.node.try_find_child("RuntimeLayer")
        return found if isinstance(found, Layer) else cls(stack, "RuntimeLayer", root=root, dependencies=dependencies)


def code(package: packaging.Package, folder: Path) -> lambda_.Code:
    """A package as CDK code; the folder must outlive the construct that takes it, which stages the file at once."""
    path = folder / "package.zip"
    package.write(path)
    # A hash of our own: the file's bytes depend on this machine's zlib, and the content does not.
    return lambda_.Code.from_asset(str(path), asset_hash=package.digest, asset_hash_type=cdk.AssetHashType.CUSTOM)
