"""How the stacks of a stage are shared out to the actions that protect them: an action has room for so many names.

All variables of an action's build together are one value of its configuration, of 1,000 characters at most:
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
"""

from collections.abc import Iterable, Iterator

MOST_OF_NAMES = 600
"""Characters; the rest is for the role, the region and what the value is written in, some 270."""


def groups(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield the names that are one action's, in their order."""
    group: list[str] = []
    for name in names:
        if group and len(" ".join([*group, name])) > MOST_OF_NAMES:
            yield group
            group = []
        group.append(name)
    if group:
        yield group
