"""A CDK app in JavaScript of a large catalogue's size, on the very packages that the Python app runs on.

`.venv/bin/python -m tests.testbed.javascript_app FOLDER` makes it; `SERVICES=25 node app.js` there runs it.
"""

import importlib.util
import shutil
import sys
import tarfile
from pathlib import Path

APP = Path(__file__).with_name("javascript") / "app.js"
PACKAGES = {"aws_cdk": "aws-cdk-lib", "aws_cdk.cloud_assembly_schema": "@aws-cdk/cloud-assembly-schema"} | {
    name: name.replace("_", "-") for name in ("constructs", "cdk_nag")
}
"""Python package -> the npm package that it brings as an archive: uv.lock pins both."""


def make(target: Path) -> Path:
    """Make the app in an empty folder, with its packages unpacked."""
    shutil.copyfile(APP, target / APP.name)
    for package, name in PACKAGES.items():
        with tarfile.open(_archive(package)) as archive:
            archive.extractall(target / "node_modules" / name, members=_without_first_folder(archive), filter="data")
    return target


def _archive(package: str) -> Path:
    found = importlib.util.find_spec(f"{package}._jsii")
    assert found is not None, f"{package} is not installed"
    (archive,) = Path(str(found.origin)).parent.glob("*.jsii.tgz")
    return archive


def _without_first_folder(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """Return the files of an npm archive, whose paths all begin with `package/`."""
    return [member.replace(name=member.name.partition("/")[2]) for member in archive if "/" in member.name]


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    make(Path(sys.argv[1]))
