"""Branch environments beside main's dev in one account: whose stacks are deleted, and which are left alone."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from pipeline.catalogue.branch import prefix_of
from pipeline.cli import connection
from pipeline.cli.main import app
from pipeline.definition.branch_cleanup import CLEAN_UP
from pipeline.local import first_deployment
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.branches import Branches, local_branches
from pipeline.operate.errors import OperateError
from pipeline.settings import SETTINGS
from services.library.contract.deployment import BRANCH_EXECUTION_ROLE
from stages.branches import BRANCHES_LIKE
from tests.conftest import ROOT
from tests.testbed import small
from tests.testbed.branches import cloud_with

pytestmark = pytest.mark.cloud
HERE = BRANCHES_LIKE.environment
ACCOUNT, REGION = HERE.account, HERE.region
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/{BRANCH_EXECUTION_ROLE}"
"""With which CloudFormation makes a branch's stacks, and deletes them, whoever asks for it."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with cloud_with(replace(small.DEV, environment=HERE), tmp_path_factory.mktemp("branches")) as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def _commands_act_there(account: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "find", lambda _place: account)


def penstock(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["branch", *arguments], obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def answered(*arguments: str) -> Any:
    done = penstock(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes stacks as a branch's, or nearly so."""

    cloud: LocalCloud

    @property
    def formation(self) -> Any:
        return self.cloud.client("cloudformation", ACCOUNT, REGION)

    @property
    def branches(self) -> Branches:
        return Branches(
            target=local_branches(self.cloud.endpoint, secret=self.cloud.root_secret, account=ACCOUNT, region=REGION)
        )

    def make(
        self, name: str, *, resources: dict[str, Any] | None = None, role: str | None = EXECUTION, **tags: str
    ) -> str:
        """None for the role: by somebody who may do anything, as what has no branch's name can only be made."""
        template = {"Resources": resources or {"Queue": {"Type": "AWS::SQS::Queue"}}}
        given = [{"Key": f"penstock:{key}", "Value": value} for key, value in tags.items()]
        acting = {"RoleARN": role} if role and name.startswith("branch-") else {}
        made = self.formation.create_stack(StackName=name, TemplateBody=json.dumps(template), Tags=given, **acting)
        self.formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        return str(made["StackId"])

    def is_there(self, id_: str) -> bool:
        stacks = self.formation.describe_stacks()["Stacks"]
        return id_ in {each["StackId"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"}


@pytest.fixture
def maker(account: LocalCloud) -> Maker:
    return Maker(cloud=account)


def refused(said: str = "is left alone") -> Any:
    """Expect a refusal: by the command, or by its role, which may not even look at other stacks."""
    return pytest.raises((OperateError, ClientError), match=rf"{said}|is not authorized to perform")


@pytest.fixture
def prefix() -> str:
    return prefix_of(uuid.uuid4().hex)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("PREFIX-dev-x", None),
        ("PREFIX-dev-x", "dev"),
        ("PREFIX-dev-x", "branch-"),
        ("PREFIX-dev-x", prefix_of("another")),
        ("other-PREFIX-dev-x", "PREFIX"),
        ("dev-x-PREFIX", "PREFIX"),
        ("PREFIXx", "PREFIX"),
    ],
    ids=["no tag", "a stage's tag", "half a tag", "another branch's tag", "a name before", "a main stack", "no end"],
)
def test_a_stack_without_both_name_and_tag_is_left_alone(maker: Maker, prefix: str, name: str, tag: str | None) -> None:
    tags = {"branch": tag.replace("PREFIX", prefix)} if tag else {}
    id_ = maker.make(name.replace("PREFIX", prefix), resources=None, expires="2020-01-01T00:00:00Z", **tags)
    assert maker.branches.find(prefix) is None
    with refused():
        maker.branches.delete(id_, branch=prefix)
    assert prefix not in answered("sweep")["removed"]
    assert maker.is_there(id_)


def test_another_branchs_stack_is_refused(maker: Maker, prefix: str) -> None:
    id_ = maker.make(f"{prefix}-dev-x", branch=prefix)
    with pytest.raises(OperateError, match=f"it belongs to {prefix}, not to {prefix_of('another')}"):
        maker.branches.delete(id_, branch=prefix_of("another"))
    assert maker.is_there(id_)
    maker.branches.delete(id_, branch=prefix)


def test_mains_stacks_are_refused(maker: Maker) -> None:
    for stack in maker.formation.describe_stacks()["Stacks"]:
        if stack["StackName"].startswith("dev-"):
            with refused():
                maker.branches.delete(stack["StackId"], branch=prefix_of("any"))
            assert maker.is_there(stack["StackId"])


def test_a_tag_that_changed_since_is_read_again(maker: Maker, prefix: str) -> None:
    id_ = maker.make(f"{prefix}-dev-x", branch=prefix)
    found = maker.branches.find(prefix)
    assert found is not None
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Other": {"Type": "AWS::SQS::Queue"}}}
    maker.formation.update_stack(StackName=id_, TemplateBody=json.dumps(template), Tags=[])
    maker.formation.get_waiter("stack_update_complete").wait(StackName=id_, WaiterConfig={"Delay": 0.1})
    with pytest.raises(OperateError, match="is left alone"):
        maker.branches.remove(found)


def test_a_bucket_of_the_branch_is_emptied_and_no_other(maker: Maker, prefix: str) -> None:
    s3 = maker.cloud.client("s3", ACCOUNT, REGION)

    def bucket(name: str, tag: str) -> dict[str, Any]:
        properties = {
            "BucketName": name,
            "VersioningConfiguration": {"Status": "Enabled"},
            "Tags": [{"Key": "penstock:branch", "Value": tag}],
        }
        return {"Type": "AWS::S3::Bucket", "Properties": properties}

    own = maker.make(f"{prefix}-dev-own", resources={"Bucket": bucket(f"{prefix}-bucket", prefix)}, branch=prefix)
    for _ in range(2):
        s3.put_object(Bucket=f"{prefix}-bucket", Key="a", Body=b"a")
    s3.delete_object(Bucket=f"{prefix}-bucket", Key="a")
    maker.branches.delete(own, branch=prefix)
    assert f"{prefix}-bucket" not in {each["Name"] for each in s3.list_buckets()["Buckets"]}

    for name, tag in ((f"other-{prefix}", prefix), (f"{prefix}-b", "branch-else-aaaaaa")):
        forged = maker.make(f"{prefix}-{name[:5]}-x", resources={"Bucket": bucket(name, tag)}, role=None, branch=prefix)
        s3.put_object(Bucket=name, Key="a", Body=b"a")
        with refused("it is not emptied"):
            maker.branches.delete(forged, branch=prefix)
        assert s3.get_object(Bucket=name, Key="a")["Body"].read() == b"a"
        s3.delete_bucket_tagging(Bucket=name)
        s3.delete_object(Bucket=name, Key="a", VersionId=s3.head_object(Bucket=name, Key="a")["VersionId"])
        maker.formation.delete_stack(StackName=forged)


def test_the_sweep_removes_what_is_over_and_says_so_before(maker: Maker, prefix: str) -> None:
    over = maker.make(f"{prefix}-dev-x", branch=prefix, expires="2020-01-01T00:00:00Z")
    other = prefix_of(f"not-over-{prefix}")
    alive = maker.make(f"{other}-dev-x", branch=other, expires="2999-01-01T00:00:00Z")
    assert answered("sweep", "--dry-run")["removed"] == [prefix]
    assert maker.is_there(over)
    assert answered("sweep")["removed"] == [prefix]
    assert maker.branches.find(prefix) is None
    assert maker.is_there(alive)
    maker.branches.delete(alive, branch=other)


def test_the_sweep_tells_of_what_has_no_end(maker: Maker, prefix: str) -> None:
    id_ = maker.make(f"{prefix}-dev-x", branch=prefix)
    done = penstock("sweep", "--json")
    assert (done.exit_code, json.loads(done.stdout)["problems"].keys() & {prefix}) == (1, {prefix})
    assert maker.is_there(id_)
    maker.formation.delete_stack(StackName=id_)


def test_the_pipelines_build_sweeps_in_the_account_of_the_branches(maker: Maker, prefix: str) -> None:
    """With what a build has: credentials of the tools account, which may assume the limited role."""
    over = maker.make(f"{prefix}-dev-x", branch=prefix, expires="2020-01-01T00:00:00Z")
    home = maker.cloud.place.home / "home"
    environment = first_deployment.cdk_environment(
        os.environ, maker.cloud, account=SETTINGS.account, region=SETTINGS.region, home=home
    )
    command = [str(ROOT / ".venv/bin/penstock"), *CLEAN_UP.split()[1:], "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["removed"] == [prefix], done.stderr
    assert not maker.is_there(over)
