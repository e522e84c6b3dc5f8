"""Options of CloudFormation's API that mean nothing here, and are refused by name instead of ignored.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
"""

from collections.abc import Iterable, Mapping

from pipeline.local.cloud.emulator import AwsError

REFUSED: Mapping[str, str] = {
    "DeploymentConfig.DisableRollback": "it rolls back what failed",
    "DeploymentConfig.Mode": "it waits until resources are ready (`--express`)",
    "DeploymentMode": "it reverts no drift (`--revert-drift`)",
    "NotificationARNs": "it notifies no topics of stack events",
    "ResourceTypes": "it limits no resource types",
    "StackPolicyDuringUpdateURL": "it takes the policy itself",
}
"""By the name in a request, and what does not happen. Not here: TimeoutInMinutes, since nothing takes minutes here."""
UNSAID = ("", "0", "false", "standard")
"""An empty list, and what comes to the same as leaving an option out; the CDK's CLI always says STANDARD."""


def check_options(names_and_values: Iterable[tuple[str, str]]) -> None:
    """Refuse a request that has one of these options."""
    for name, value in names_and_values:
        for option, reason in REFUSED.items():
            if (name == option or name.startswith(f"{option}.")) and value.lower() not in UNSAID:
                raise AwsError("ValidationError", f"The local cloud does not take {option}: {reason}")
