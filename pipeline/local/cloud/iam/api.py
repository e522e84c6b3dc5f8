"""`POST /_penstock/iam/denied` and `/_penstock/iam/access`: what was denied, and what each role has and uses.

A denial says in which stack, and at which path of the CDK's, its principal or its resource stands.
"""

from collections.abc import Iterator, Mapping

from pipeline.local.cloud.cloudformation.patches import resources_of, stacks_everywhere, template_of
from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.iam import patches
from pipeline.local.cloud.iam.decision import Reason
from pipeline.local.cloud.iam.policies import matches
from pipeline.local.cloud.iam.records import Records


class Reports:
    """Answers them; get it by `emulator.part(Reports)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._records = emulator.part(Records)

    def denied(self, asked: Json) -> Json:
        """List the denials since a moment, if `since` names one, and until another."""
        since, until = asked.get("since", ""), asked.get("until") or "9"
        places = dict(_places())
        found = [each for each in self._records.denied() if since <= each["last"] and each["first"] <= until]
        return {"enforced": not self._emulator.audits, "denied": [{**each, **_place(each, places)} for each in found]}

    def access(self, asked: Json) -> Json:
        """List the roles of stacks, each with its actions granted, used so far, and never used."""
        used = self._records.used()
        wanted = asked.get("stacks", "*")
        found = [
            {
                "role": role,
                "account": account,
                **place,
                **_access(role, account, used.get(f"{account}/role/{role}", {})),
            }
            for (account, role), place in sorted(dict(_places()).items(), key=_stack_and_path)
            if matches(wanted, place["stack"]) and patches.is_role(f"arn:aws:iam::{account}:role/{role}")
        ]
        return {"roles": found}


def _access(role: str, account: str, used: Mapping[str, int]) -> Json:
    granted = sorted(patches.granted_actions(role, account))
    unused = [each for each in granted if not any(matches(each, action, ignore_case=True) for action in used)]
    return {"granted": granted, "used": dict(sorted(used.items())), "unused": unused}


def _stack_and_path(entry: tuple[tuple[str, str], Json]) -> tuple[str, str]:
    return entry[1]["stack"], entry[1]["path"]


def _places() -> Iterator[tuple[tuple[str, str], Json]]:
    """Yield where each resource of every stack stands, by its account and its name."""
    for account, _region, stack in list(stacks_everywhere()):
        written = template_of(stack).get("Resources", {})
        for logical_id, resource in list(resources_of(stack).items()):
            metadata = (written.get(logical_id) or {}).get("Metadata") or {}
            name = str(resource.get("PhysicalResourceId") or "").rpartition("/")[2].rpartition(":")[2]
            yield (
                (account, name),
                {"stack": stack["StackName"], "path": metadata.get("aws:cdk:path", logical_id)},
            )


def _place(denial: Json, places: dict[tuple[str, str], Json]) -> Json:
    """Find the resource whose policy would have to allow it."""
    is_resources = denial["reason"] == Reason.NO_RESOURCE_POLICY
    arn = denial["resource" if is_resources else "who"]
    parts = [*arn.split(":", 5), "", "", "", "", ""]
    account = parts[4] or denial["account"]
    resource = parts[5] if arn.startswith("arn:") else ""
    names = resource.replace(":", "/").split("/")
    if parts[2] == "sts":
        names = names[1:2]
    return next((places[account, name] for name in reversed(names) if (account, name) in places), {})
