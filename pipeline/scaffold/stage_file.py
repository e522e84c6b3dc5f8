"""The file of a stage: which services it lists, and the same file with one more or one less."""

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource, inserted, removed
from pipeline.scaffold.names import StageName

FOLDER = Path("stages")
OF_ONE_STAGE = frozenset({"before", "after", "release", "tracing", "override", "stage_acknowledgements"})
"""What the contract lets an entry say for its stage alone; all other settings are the service's own."""
CANARY = (
    "from services.library.contract.release import Canary, Release\n",
    "    release=Release(traffic=Canary(percent=10, minutes=10)),\n",
)
"""What a new stage of production imports and says."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of an entry, and the imports that its value needs."""

    name: str
    value: str
    imports: tuple[tuple[str, str], ...] = ()
    """(module, name)."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A service as a stage is to list it."""

    module: str
    """The service's folder."""
    class_name: str
    settings: tuple[Setting, ...] = ()
    left_out: tuple[str, ...] = field(default=(), compare=False)
    """Settings of the stage that it was read from, which are not for another one."""

    @property
    def imported_from(self) -> str:
        """The module that has the class."""
        return f"services.{self.module}.service"

    @property
    def text(self) -> str:
        """As Python."""
        return f"{self.class_name}({', '.join(f'{each.name}={each.value}' for each in self.settings)})"


class StageFile:
    """Where a stage lists its services."""

    def __init__(self, draft: Draft, stage: str) -> None:
        self.draft = draft
        self.stage = stage
        for file in draft.files(FOLDER, ".py"):
            text = draft.read(file)
            if "Stage(" not in text:
                continue
            source = PythonSource(file.as_posix(), text)
            for constant, value in source.assigned():
                if isinstance(value, cst.Call) and stage_name_of(value) == stage:
                    self.file, self.source, self.constant, self._call = file, source, constant, value
                    return
        raise ScaffoldError(
            f"No file in stages/ makes a stage as NAME = Stage(environment=Environment(name={stage!r}, ...), ...)"
            " with its name written out, so that its services cannot be edited. Make the change by hand."
        )

    def lists(self, module: str) -> bool:
        """Return whether the stage lists a service, one by one."""
        return any(each == f"services.{module}.service" for _, each in self._entries())

    def entry(self, module: str) -> Entry | None:
        """Return a service as it is listed here, as far as another stage could list it in the same way."""
        for element, imported in self._entries():
            if imported == f"services.{module}.service" and isinstance(element.value, cst.Call):
                return self._read(module, element.value)
        return None

    def add(self, entry: Entry) -> None:
        """List a service, behind the others."""
        if self.lists(entry.module):
            return
        self._check_name(entry.class_name, entry.imported_from, entry)
        listed = self._listed(f"add `{entry.text}` to `services` of {self.constant}")
        text = inserted(self.source, listed, entry.text, position=len(listed.elements))
        imports = {(each.imported_from, each.class_name) for each in (entry,)}
        imports |= {needed for setting in entry.settings for needed in setting.imports}
        for module, name in sorted(imports):
            self._check_name(name, module, entry)
            text = PythonSource(self.file.as_posix(), text).importing(module, name)
        self.draft.edit(self.file, text)

    def remove(self, module: str) -> None:
        """List a service no more. What only its entry used of the imports goes, too."""
        by_hand = f"take the entry of services/{module} out of `services` of {self.constant}"
        listed = self._listed(by_hand)
        for position, element in enumerate(listed.elements):
            if self._imported(element) == f"services.{module}.service":
                self.draft.edit(self.file, removed(self.source, listed, position))
                return
        raise ScaffoldError(
            f"{self.file}: `services` of {self.constant} lists no value of a class that is imported from"
            f" services.{module}.service, so that nothing can be edited safely; {by_hand} by hand."
        )

    def _entries(self) -> Iterator[tuple[cst.BaseElement, str]]:
        """Yield (element, the module that its class is from)."""
        value = self._services()
        for element in value.elements if isinstance(value, cst.Tuple) else ():
            yield element, self._imported(element)

    def _imported(self, element: cst.BaseElement) -> str:
        match element.value:
            case cst.Call(func=cst.Name(value=name)):
                return next((module for bound, module, _ in self.source.imports() if bound == name), "")
        return ""

    def _services(self) -> cst.BaseExpression | None:
        value = _argument(self._call, "services")
        if isinstance(value, cst.Name) and len(_Uses.of(self.source.module, value.value)) == 1:
            return dict(self.source.assigned()).get(value.value)
        return value

    def _listed(self, by_hand: str) -> cst.Tuple:
        value = self._services()
        if isinstance(value, cst.Tuple) and value.lpar:
            return value
        raise ScaffoldError(
            f"{self.file}: `services` of {self.constant} is no tuple in parentheses that this stage has for itself, so"
            f" that it cannot be edited safely; {by_hand} by hand."
        )

    def _check_name(self, name: str, module: str, entry: Entry) -> None:
        bound = {each: of for each, of, _ in self.source.imports()} | {each: "" for each, _ in self.source.assigned()}
        if bound.get(name, module) != module:
            raise ScaffoldError(
                f"{self.file} calls something else {name} than {module} does;"
                f" import it under another name, and add `{entry.text}` to `services` of {self.constant} by hand."
            )

    def _read(self, module: str, call: cst.Call) -> Entry:
        bound = {name: (of, original) for name, of, original in self.source.imports()}
        settings: list[Setting] = []
        left_out: list[str] = []
        for argument in call.args:
            name = argument.keyword.value if argument.keyword else ""
            value = self.source.code(argument.value)
            roots = [each for each in dict.fromkeys(_Roots.of(argument.value)) if not hasattr(builtins, each)]
            imports = [bound[each] for each in roots if each in bound and bound[each][1] == each]
            if not name or name in OF_ONE_STAGE or len(imports) < len(roots):
                left_out.append(f"{name}={value}" if name else f"{argument.star}{value}")
            else:
                settings.append(Setting(name=name, value=value, imports=tuple(imports)))
        assert isinstance(call.func, cst.Name)  # noqa: S101 - as `_imported` found
        class_name = bound[call.func.value][1]
        return Entry(module=module, class_name=class_name, settings=tuple(settings), left_out=tuple(left_out))


def new_stage(stage: StageName, *, tier: str, account: str, region: str) -> str:
    """Return the file of a stage that deploys nothing yet. `tier`, `account` and `region` as the names of constants.

    Production gets a canary, which costs nothing where nothing runs yet and something later (docs/release.md).
    """
    imported, release = CANARY if tier == "PRODUCTION" else ("", "")
    return (
        f'"""The {stage.name} stage. A team ships here by adding its service to the list."""\n\n'
        "from pipeline.catalogue.model import Stage\n"
        "from services.library.contract.environment import Environment, Tier\n"
        f"{imported}"
        "from stages import accounts\n\n"
        f"{stage.constant} = Stage(\n"
        f'    environment=Environment(name="{stage.name}", tier=Tier.{tier}, account=accounts.{account},'
        f" region=accounts.{region}),\n"
        "    services=(),\n"
        f"{release}"
        ")\n"
    )


def stage_name_of(call: cst.Call) -> str:
    """Return the environment's name of the stage that a call makes; `""` if it makes none, or not in so many words."""
    environment = _argument(call, "environment")
    named = _argument(environment, "name") if isinstance(environment, cst.Call) else None
    made = call.func.value if isinstance(call.func, cst.Name) else ""
    return str(named.evaluated_value) if made == "Stage" and isinstance(named, cst.SimpleString) else ""


def _argument(call: cst.Call, name: str) -> cst.BaseExpression | None:
    return next((each.value for each in call.args if each.keyword and each.keyword.value == name), None)


class _Roots(cst.CSTVisitor):
    """The names that an expression starts from: `cdk` of `cdk.Duration.hours(n=1)`."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @classmethod
    def of(cls, expression: cst.CSTNode) -> Sequence[str]:
        visitor = cls()
        expression.visit(visitor)
        return visitor.found

    def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802 - libcst calls it by this name
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:  # noqa: N802 - as above
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802 - as above
        self.found.append(node.value)


class _Uses(_Roots):
    """Where a module reads a name."""

    @classmethod
    def of(cls, expression: cst.CSTNode, name: str = "") -> Sequence[str]:
        return [each for each in super().of(expression) if each == name]

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:  # noqa: ARG002, N802 - as above
        return False

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:  # noqa: N802 - as above
        if node.value:
            node.value.visit(self)
        return False
