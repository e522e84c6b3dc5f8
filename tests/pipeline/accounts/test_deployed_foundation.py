"""The foundation as CloudFormation resolves it, against what the other tests read of the file."""

import pytest

from pipeline.local import bootstrap
from pipeline.local.bootstrap import Target
from pipeline.local.lifecycle import LocalCloud
from tests.pipeline.accounts.test_foundation import policy

pytestmark = pytest.mark.cloud

TOOLS, PROD = "999999990031", "444444440031"


def test_a_deployed_foundation_names_the_roles_of_its_account(cloud: LocalCloud) -> None:
    targets = [
        Target(account=TOOLS, region="eu-west-1", role_names=("Pipeline-*", "pipeline*")),
        Target(account=PROD, region="us-east-1", role_names=("prod-*",), keeps_data=True),
        Target(account=PROD, region="eu-west-1", role_names=("qa-*",)),
    ]
    bootstrap.bootstrap(
        cloud,
        targets,
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
    )
    for account, names in ((TOOLS, ["Pipeline-*", "pipeline*"]), (PROD, ["prod-*", "qa-*"])):
        client = cloud.client("iam", account=account, region="us-east-1")
        is_tools = account == TOOLS
        for name in ("Boundary", "ExecutionPolicy"):
            arn = f"arn:aws:iam::{account}:policy/penstock-{'boundary' if name == 'Boundary' else 'execution'}"
            deployed = client.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
            expected = policy(name, tools=is_tools, keeps_data=not is_tools, account=account, names=names)
            assert deployed == expected
