"""Where constructs are, and which account belongs to which environment."""

from collections.abc import Iterable, Mapping

from pipeline.review.model import Json, StackLocation
from pipeline.review.read.assembly import Stack
from services.library.cloudformation.resolved_template import ResolvedTemplate


class Constructs:
    """Every construct path of one side, those around resources included, with its stack."""

    def __init__(self) -> None:
        self.known: dict[str, StackLocation] = {}

    def add(self, stack: Stack, place: StackLocation, template: ResolvedTemplate) -> None:
        """Take in one stack's resources."""
        self.known[stack.path] = place
        for resource in template.resources.values():
            path = f"{stack.path}/{resource.path}"
            while path not in self.known and path:
                self.known[path] = place
                path = path.rpartition("/")[0]


def accounts(stacks: Iterable[Stack]) -> Mapping[str, str]:
    """Account -> the one stage that deploys to it. An account that several share tells nothing."""
    stages: dict[str, set[str]] = {}
    for stack in stacks:
        if stack.place.account:
            stages.setdefault(stack.place.account, set()).add(stack.stage)
    return {account: next(iter(names)) for account, names in stages.items() if len(names) == 1 and "" not in names}


def pointed_at(old: Json, new: Json, stage: str, accounts: Mapping[str, str]) -> set[str]:
    """Other stages whose account stands in the new value and not in the old one."""
    now, was = str(new), str(old)
    return {other for account, other in accounts.items() if other != stage and account in now and account not in was}
