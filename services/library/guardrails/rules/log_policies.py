"""Log groups that Step Functions writes into an account's resource policy of logs, which has room for some thirty.

"When you create a state machine with logging enabled, Step Functions must update your CloudWatch Logs resource policy
with the log group you specify"; the policy is "limited to 5120 characters", and log groups of a certain name need none:
https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.library.cloudformation.lengths import longest
from services.library.cloudformation.template import Resource, Template
from services.library.contract.names import VENDED_LOGS
from services.library.guardrails.finding import AcceptedBy, Finding, Rule

RULE = Rule(
    id="Penstock-LogResourcePolicy",
    accepted_by=AcceptedBy.PLATFORM,
    text="Step Functions writes the log group into the account's resource policy of logs, which has no room for it: the"
    " deployment fails.",
    fix="Give this Workflow vended_logs=True, in the service's service.py; or stages accounts of their own.",
)
LONGEST_POLICY = 5_120
"""Characters, of an account in a region."""
OF_THE_STATEMENT = 300
"""What stands in the policy besides the log groups' ARNs, with their quotes and commas."""


def check(templates: Iterable[tuple[str, Template]]) -> Iterator[Finding]:
    """Look at all templates of an assembly, each with the account and region that it is deployed to."""
    used: dict[str, int] = {}
    for where, template in templates:
        for machine in template.resources("AWS::StepFunctions::StateMachine"):
            for group in _log_groups(machine, template):
                used[where] = used.get(where, OF_THE_STATEMENT) + longest(_arn(group), template) + len('"",:*')
                if used[where] > LONGEST_POLICY:
                    yield RULE.broken_by(
                        group,
                        template,
                        what=f"It has up to {used[where]:,} characters in {where} with this one;"
                        f" {LONGEST_POLICY:,} are allowed.",
                    )


def _log_groups(machine: Resource, template: Template) -> Iterator[Resource]:
    """Yield the template's log groups that a state machine writes to, unless their names say that they are vended."""
    destinations = _at(machine.properties.get("LoggingConfiguration"), "Destinations")
    for destination in destinations if isinstance(destinations, list) else ():
        group = template.named_by(_at(_at(destination, "CloudWatchLogsLogGroup"), "LogGroupArn"))
        if group is not None and not _begins(group.properties.get("LogGroupName")).startswith(VENDED_LOGS):
            yield group


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _begins(name: Any) -> str:
    match name:
        case str():
            return name
        case {"Fn::Join": ["", [str(first), *_]]}:
            return first
    return ""


def _arn(group: Resource) -> dict[str, Any]:
    return {"Fn::GetAtt": [group.logical_id, "Arn"]}
