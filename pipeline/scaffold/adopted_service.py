"""The files of a service whose stack was deployed before the platform."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from string import Template
from typing import Any

import libcst as cst

from pipeline.scaffold import names
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource, inserted
from pipeline.scaffold.names import ServiceName
from pipeline.scaffold.owners import PLATFORM
from pipeline.scaffold.stage_file import Entry, Setting
from pipeline.scaffold.written_template import WrittenTemplate

TEMPLATES = Path(__file__).with_name("adopted")
SUFFIX = ".template"
DEPLOYED = "deployed"
ACKNOWLEDGEMENTS = "ACKNOWLEDGEMENTS"


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """A stack as CloudFormation has it."""

    name: str
    template: WrittenTemplate
    parameters: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    """Whether its termination protection is on."""


@dataclass(frozen=True, kw_only=True)
class AcceptedFinding:
    """An acknowledgement to be written."""

    rule: str
    path: str
    reason: str
    owner: str
    expires: date

    @property
    def text(self) -> str:
        """As Python."""
        day = self.expires
        said = {"rule": self.rule, "path": self.path, "reason": self.reason, "owner": self.owner}
        values = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in said.items())
        return f"Acknowledgement({values}, expires=date({day.year}, {day.month}, {day.day}))"


def add(draft: Draft, service: ServiceName, deployed: DeployedStack, *, owner: str, personal_data: bool) -> None:
    """Add the service's folder."""
    names.check_owner(owner)
    if (draft.root / service.folder).exists():
        raise ScaffoldError(
            f"{service.folder} is there already, and no stage lists it as an adopted service: nothing is overwritten."
            " Choose another --name, or delete that folder."
        )
    words = {
        "name": service.name,
        "module": service.module,
        "class_name": service.class_name,
        "owner": owner,
        "handles_personal_data": str(personal_data),
        "template": deployed.template.file_name,
        "resources": _python(_resource_types(deployed.template)),
    }
    for file in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        text = Template(file.read_text(encoding="utf-8")).substitute(words)
        draft.add(service.folder / file.relative_to(TEMPLATES).with_suffix(""), text)
    draft.add(service.folder / deployed.template.file_name, deployed.template.adopted_text)


def record(draft: Draft, service: ServiceName, deployed: DeployedStack, *, stage: str) -> None:
    """Write down what the stack of a stage was deployed as, for the review of its adoption."""
    file = service.folder / DEPLOYED / f"{stage}.json"
    draft.generate(file, f"{json.dumps(document(deployed), indent=1, ensure_ascii=False)}\n")


def document(deployed: DeployedStack) -> dict[str, Any]:
    """Return what a stack was deployed as, as a review reads it."""
    return {
        "stack": deployed.name,
        "protected": deployed.protected,
        "parameters": dict(deployed.parameters),
        "template": deployed.template.body,
    }


def entry(
    service: ServiceName, class_name: str, deployed: DeployedStack, values: Mapping[str, str], role_names: Sequence[str]
) -> Entry:
    """Return the service as its stage is to list it."""
    settings = [Setting(name="deployed_stack", value=json.dumps(deployed.name))]
    if values:
        settings.append(Setting(name="parameters", value=json.dumps(dict(values), ensure_ascii=False)))
    if role_names:
        settings.append(Setting(name="deployed_role_names", value=_python(role_names)))
    return Entry(module=service.module, class_name=class_name, settings=tuple(settings))


def accept(draft: Draft, file: Path, accepted: Sequence[AcceptedFinding]) -> None:
    """Add acknowledgements to a file of them."""
    if not accepted:
        return
    text = PythonSource(file.as_posix(), draft.read(file)).importing("datetime", "date")
    for each in accepted:
        source = PythonSource(file.as_posix(), text)
        listed = dict(source.assigned()).get(ACKNOWLEDGEMENTS)
        if not isinstance(listed, cst.Tuple) or not listed.lpar:
            raise ScaffoldError(f"{file}: {ACKNOWLEDGEMENTS} is no tuple in parentheses; add `{each.text}` by hand.")
        text = inserted(source, listed, each.text, position=len(listed.elements))
        if not listed.elements:  # one line for each from now on
            text = text.replace(f"({each.text},)", f"(\n    {each.text},\n)")
    draft.edit(file, text)


def acknowledgements_file(service: ServiceName, *, of_platform: bool) -> Path:
    """Return where findings are accepted: by the service's owner, or by the platform team."""
    return PLATFORM[0] if of_platform else service.folder / "acknowledgements.py"


def _resource_types(template: WrittenTemplate) -> dict[str, str]:
    resources: Mapping[str, Any] = template.body["Resources"]
    return {logical_id: str(resources[logical_id].get("Type")) for logical_id in sorted(resources)}


def _python(value: Mapping[str, str] | Sequence[str]) -> str:
    """Return texts as Python writes them."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return f"({', '.join(json.dumps(each, ensure_ascii=False) for each in value)},)"
