"""What one service's override has to do with findings: which it causes, and at which of its lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.library.cloudformation.template import Template
from services.library.contract.build_record import OverriddenStack
from services.library.guardrails import platform_rules
from services.library.guardrails.baseline.compare import lowered
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.cross_stack_changes import cross_stack_changes
from services.library.guardrails.overrides.rebuild import Key, Templates, changed, locate, of_stack

Known = dict[tuple[int, str, str], int]
"""(override's identity, rule, path below the stack) -> line: an override does the same in each stage that has it."""


@dataclass(kw_only=True)
class OverrideFindings:
    """One stack with its override, against the same stack without."""

    overridden: OverriddenStack
    place: DeploymentLocation
    before: Sequence[Template]
    after: Sequence[Template]
    stacks_beside: Sequence[Finding]
    """What the override does to stacks that are not its own."""

    @classmethod
    def compare(cls, overridden: OverriddenStack, place: DeploymentLocation, after: Templates) -> "OverrideFindings":
        """Make the stack again without its override. `after`: every stack of its App as it is with it."""
        before, path = rebuild.without_override(overridden), overridden.stack.node.path
        return cls(
            overridden=overridden,
            place=place,
            before=of_stack(path, before),
            after=of_stack(path, after),
            stacks_beside=tuple(cross_stack_changes(overridden, before, after)),
        )

    def lowered(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """Find what the override alone puts below the baseline, unless another rule of the platform's says so."""
        known = list(found)
        keys = {_key(each) for each in known}
        for finding in lowered(self.before, self.after, self.place):
            said = any(
                each.path == finding.path
                and platform_rules.accepted_by(each.rule) is not AcceptedBy.SERVICE
                and set(finding.locations) <= set(each.locations)
                for each in known
                if each.locations
            )
            if _key(finding) not in keys and not said:
                yield finding

    def explained(self, findings: Sequence[Finding], known: Known) -> list[Finding]:
        """Add to each finding that the override causes where it does."""
        source = self.overridden.source
        without = self._keys(self.before)
        within = self._keys(self.after)
        caused = [each for each in findings if _key(each) in within and _key(each) not in without]
        lines = self._lines([_key(each) for each in caused], known)
        differ = set(changed(self.before, self.after))
        return [
            replace(each, text=f"{each.text} The override {source.name} does this at {place}.")
            if (place := self._place(each, caused, lines))
            else replace(each, text=f"{each.text} The override {source} changes this resource.")
            if each.path in differ and _key(each) not in without
            else each
            for each in findings
        ]

    def _place(self, finding: Finding, caused: Sequence[Finding], lines: Mapping[Key, int]) -> str:
        source = self.overridden.source
        if finding not in caused or not source.file:
            return ""
        return f"{source.file}:{lines.get(_key(finding), source.line)}"

    def _lines(self, wanted: Sequence[Key], known: Known) -> dict[Key, int]:
        written, stack = id(self.overridden.written), self.overridden.stack.node.path
        below = {key: (written, key[0], key[1].removeprefix(stack)) for key in wanted}
        unknown = [key for key in wanted if below[key] not in known]
        if unknown:
            lines = rebuild.lines_of(self.overridden)
            found = locate(lines, self._found_after, unknown)
            known |= {below[key]: line for key, line in found.items()}
        return {key: known[below[key]] for key in wanted if below[key] in known}

    def _found_after(self, count: int) -> set[Key]:
        made = rebuild.up_to_line(self.overridden, count)
        return self._keys(of_stack(self.overridden.stack.node.path, made))

    def _keys(self, templates: Sequence[Template]) -> set[Key]:
        findings = [finding for template in templates for finding in platform_rules.findings(template, self.place)]
        return {_key(each) for each in (*findings, *lowered(self.before, templates, self.place))}


def _key(finding: Finding) -> Key:
    return finding.rule, finding.path
