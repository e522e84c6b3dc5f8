"""What the overrides of one stage change in stacks that are not their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.library.cloudformation.template import CDK_METADATA, Json, Resource, Template
from services.library.contract.build_record import OverriddenStack, StackFactory
from services.library.guardrails.baseline.guard import OTHER_STACK
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.override_findings import OverrideFindings
from services.library.guardrails.overrides.rebuild import Templates, changed, locate, of_stack, synthesised

REFERENCE = "ExportsOutput"
"""How the CDK calls an output that it makes for a reference from another stack."""
SHOWN = 3
"""So many of the changed resources are named."""


@dataclass(kw_only=True)
class RebuiltStage:
    """A stage in which a stack has an override, made again without any."""

    stacks: Sequence[StackFactory]
    """In the order in which they were made."""
    after: Mapping[str, Sequence[Template]]
    """Stack path -> what the stage's stacks are, those that nobody lists included."""
    before: Templates = field(init=False)
    _with: dict[str, Templates] = field(init=False, default_factory=dict)
    """Path of a stack with an override -> the stage with that one alone."""

    def __post_init__(self) -> None:
        self.before = synthesised(self.stacks, {})

    def override_findings(self, places: Mapping[str, DeploymentLocation]) -> list[OverrideFindings]:
        """Compare each stack that has an override with itself; places by stack path."""
        return [
            OverrideFindings(
                overridden=each,
                place=places[each.stack.node.path],
                before=of_stack(each.stack.node.path, self.before),
                after=of_stack(each.stack.node.path, self.after),
                beside=self.stacks,
            )
            for each in self._overridden()
        ]

    def cross_stack_changes(self) -> Iterator[Finding]:
        """Find each stack that the override of another one has changed, added or taken away."""
        expected = self._expected()
        changed_ones = {path for path in self._units() if _content(path, expected) != _content(path, self.after)}
        if not changed_ones:
            return
        blamed = {path: said for each in self._overridden() for path, said in self._blamed(each, changed_ones).items()}
        for path in sorted(changed_ones):
            was, now = of_stack(path, expected), of_stack(path, self.after)
            file = (now or was)[0].file
            names = [each.removeprefix(f"{path}/") for each in changed(was, now)] or [*_beside_resources(was, now)]
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            what = f"It changes {', '.join(names[:SHOWN]) or 'the stack itself'}{more}."
            yield OTHER_STACK.broken_by(
                Resource(logical_id="", type="", path=path, body={}),
                Template({}, file=file),
                what=f"{what} {blamed.get(path, 'More than one override does this.')}",
            )

    def _overridden(self) -> list[OverriddenStack]:
        return [each for each in self.stacks if isinstance(each, OverriddenStack)]

    def _units(self) -> set[str]:
        """List the services' stacks, each with what is inside it, and whatever else is in the stage."""
        services = [each.stack.node.path for each in self.stacks]
        inside = {path for path in self.after for owner in services if path.startswith(f"{owner}/")}
        return {*services, *self.after} - inside

    def _expected(self) -> Templates:
        """Make what each stack is with its own override alone."""
        overridden = self._overridden()
        expected = {path: its for path, its in self.before.items() if self._is_plain(path)}
        for each in overridden:
            path = each.stack.node.path
            expected[path] = of_stack(path, self.after if len(overridden) == 1 else self._with_one(each))
        return expected

    def _with_one(self, overridden: OverriddenStack) -> Templates:
        path = overridden.stack.node.path
        if path not in self._with:
            self._with[path] = rebuild.stage_with_override(overridden, self.stacks)
        return self._with[path]

    def _is_plain(self, path: str) -> bool:
        return not any(f"{path}/".startswith(f"{each.stack.node.path}/") for each in self._overridden())

    def _blamed(self, overridden: OverriddenStack, paths: set[str]) -> dict[str, str]:
        """Find the paths that this override changes, with the line that does."""
        own, source = overridden.stack.node.path, overridden.source

        def found(made: Templates) -> set[tuple[str, str]]:
            others = (path for path in paths if path != own)
            return {(OTHER_STACK.id, path) for path in others if _content(path, made) != _content(path, self.before)}

        wanted = found(self._with_one(overridden))
        lines = rebuild.lines_of(overridden, self.stacks) if wanted else []
        located = locate(lines, lambda count: found(rebuild.stage_up_to_line(overridden, count, self.stacks)), wanted)
        return {
            key[1]: f"The override {source.name} does this at {source.file}:{located.get(key, source.line)}."
            for key in wanted
        }


def _content(path: str, templates: Mapping[str, Sequence[Template]]) -> list[tuple[object, bool | None]]:
    """Take what is deployed; the file lies elsewhere in another synth, where the CDK says nothing of its own use."""
    return [(_without_metadata(each.body), each.termination_protection) for each in of_stack(path, templates)]


def _beside_resources(before: Sequence[Template], after: Sequence[Template]) -> Iterator[str]:
    """Name what differs where no resource does."""
    if [each.termination_protection for each in before] != [each.termination_protection for each in after]:
        yield "the termination protection"
    was, now = (
        {
            (section, name): value
            for template in side
            for section, its in _without_metadata(template.body).items()
            if section != "Resources"
            for name, value in (its.items() if isinstance(its, Mapping) else [("", its)])
        }
        for side in (before, after)
    )
    for section, name in sorted(was.keys() | now.keys()):
        if was.get((section, name)) != now.get((section, name)):
            said = f"the {section.removesuffix('s').lower()} {name}".rstrip()
            made = section == "Outputs" and name.startswith(REFERENCE)
            yield f"{said}, by which another stack refers to its resource" if made else said


def _without_metadata(body: Json) -> Json:
    resources = {name: each for name, each in body.get("Resources", {}).items() if each.get("Type") not in CDK_METADATA}
    conditions = {name: each for name, each in body.get("Conditions", {}).items() if name not in CDK_METADATA}
    return {**body, "Resources": resources, "Conditions": conditions}
