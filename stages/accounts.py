"""The accounts, regions and networks, each once. `penstock doctor` names the example values that are left."""

from collections.abc import Mapping

from services.library.contract.network import Network

TOOLS = "999999999999"
DEV = "111111111111"
QA = "222222222222"
STAGING = "333333333333"
PROD = "444444444444"

TOOLS_REGION = "eu-west-1"
"""Where the pipeline itself lives."""
FIRST_REGION = "eu-west-1"
SECOND_REGION = "us-east-1"

EXAMPLES = frozenset(f"{digit}" * 12 for digit in range(10))
"""Ids that no company has: they work in the local cloud, and nothing may be deployed to AWS with them."""

NETWORKS: Mapping[tuple[str, str], Network] = {}
"""(account, region) -> the network that its services use. None of the reference services needs one."""
