"""The Lambda layers that all functions of a stack share."""

import tempfile
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.contract import defaults, deployment
from services.library.contract.environment import Environment
from services.library.packaging import package as packaging
from services.library.packaging.dependencies import LAYER_GROUP, Dependencies


class Layer(Construct):
    """The shared runtime code and its dependencies; `Layer.of` returns the one of a stack.

    They are two layer versions: a change of the shared code uploads kilobytes, and the megabytes of distributions,
    which change with the lock alone, are neither built again by synth nor uploaded again by a deployment.
    """

    versions: tuple[lambda_.LayerVersion, ...]

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, root: Path, dependencies: Dependencies
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        with tempfile.TemporaryDirectory() as folder:
            shared = self._version(
                "Code", code(packaging.layer(root, dependencies), Path(folder)), "services/library/runtime"
            )
        distributions = dependencies.groups[LAYER_GROUP]
        self.versions = (
            shared,
            self._version(
                "Dependencies", asset(distributions.archive, distributions.digest), "The dependency group `runtime`"
            ),
        )

    @classmethod
    def of(cls, scope: Construct, *, environment: Environment, root: Path, dependencies: Dependencies) -> "Layer":
        """Return the stack's layers, made when the first function asks for them."""
        stack = cdk.Stack.of(scope)
        found = stack.node.try_find_child("RuntimeLayer")
        if isinstance(found, Layer):
            return found
        return cls(stack, "RuntimeLayer", environment=environment, root=root, dependencies=dependencies)

    def _version(self, id_: str, content: lambda_.Code, description: str) -> lambda_.LayerVersion:
        name = deployment.physical_name(self, self._environment)
        return lambda_.LayerVersion(
            self,
            id_,
            layer_version_name=f"{name}-{id_}" if name else None,
            code=content,
            compatible_runtimes=[defaults.FUNCTION_RUNTIME],
            compatible_architectures=[defaults.FUNCTION_ARCHITECTURE],
            description=description,
        )


def code(package: packaging.Package, folder: Path) -> lambda_.Code:
    """Return a package as CDK code. The folder must exist until the construct that takes it has staged the file."""
    path = folder / "package.zip"
    package.write(path)
    return asset(path, package.digest)


def asset(path: Path, digest: str) -> lambda_.Code:
    """Return a zip file as CDK code, identified by the hash of its content: its bytes depend on this machine's zlib."""
    return lambda_.Code.from_asset(str(path), asset_hash=digest, asset_hash_type=cdk.AssetHashType.CUSTOM)
