"""Policies, where services take them: their grammar, and whom and what they name.

Refused as on AWS: what the grammar of identity, trust and resource policies does not have, principals that do not
exist, managed policies that do not exist, S3's resources and actions that are not the bucket's, actions of another
service in the policies of queues and topics.
Not checked: the size of policies, condition keys, which service principals there are, KMS's lockout safety check,
the policies that CreateTopic sets, and those of event buses, secrets and functions.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Check what the APIs and CloudFormation hand in."""
    from pipeline.local.cloud.policies import resources
    from pipeline.local.cloud.policies.requests import check_requests

    check_requests()
    resources.check_resources(emulator)
