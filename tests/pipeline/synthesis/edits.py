"""Edits of a checkout of two small services, as teams and the platform make them, for synths before and after."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

Edit = Callable[[Path], None]
OVERRIDE = """

def louder(stack: cdk.Stack, environment: object) -> None:
    \"\"\"Until it is heard.\"\"\"
    {statement}
"""
WEAKER = (
    'key = stack.node.find_child("Key").key.node.default_child\n'
    '    key.add_property_override("EnableKeyRotation", False)'
)


def replaced(root: Path, file: str, pattern: str, by: str) -> None:
    """Replace the first match in a file; nothing if there is none: an earlier edit took it away."""
    path = root / file
    if path.exists():
        path.write_text(re.sub(pattern, by, path.read_text(), count=1, flags=re.DOTALL))


def stack(root: Path) -> None:
    """A team changes its stack."""
    replaced(root, "services/first/service.py", r'description="Messages\w*"', 'description="MessagesAnew"')


def imported(root: Path) -> None:
    """A team changes a module that its stack imports."""
    (root / "services/first/words.py").write_text('DESCRIPTION = "Keeps it"\n')
    replaced(root, "services/first/service.py", r"\nfrom \.ack", "\nfrom .words import DESCRIPTION\nfrom .ack")
    replaced(root, "services/first/service.py", 'description="Keeps what it is sent"', "description=DESCRIPTION")


def imported_anew(root: Path) -> None:
    """And changes that module alone."""
    replaced(root, "services/first/words.py", "Keeps", "Still keeps")


def setting(root: Path) -> None:
    """A team changes a setting in one stage."""
    replaced(root, "stages/prod.py", r"Second\([^)]*\)", "Second(retention_days=9)")


def wrong_setting(root: Path) -> None:
    """And one that is not allowed."""
    replaced(root, "stages/prod.py", r"Second\([^)]*\)", "Second(retention_days=99)")


def default(root: Path) -> None:
    """A team changes a default."""
    replaced(root, "services/second/service.py", r"Between\(1, 14\)\] = \d+", "Between(1, 14)] = 5")


def override(root: Path) -> None:
    """A team overrides its stack in one stage."""
    _override(root, 'stack.template_options.description = "louder"')


def other_override(root: Path) -> None:
    """And changes that override."""
    replaced(root, "stages/prod.py", '"louder', '"louder and louder')


def weaker_override(root: Path) -> None:
    """An override that guardrails refuse."""
    _override(root, WEAKER)


def no_override(root: Path) -> None:
    """A team drops it."""
    replaced(root, "stages/prod.py", r"First\(override=louder\)", "First()")


def _override(root: Path, statement: str) -> None:
    replaced(root, "stages/prod.py", r"\n\ndef louder.*?\n\n(?=\nPROD)", "\n")
    replaced(root, "stages/prod.py", r"First\(\)", "First(override=louder)")
    replaced(root, "stages/prod.py", "\nfrom pipeline", "\nimport aws_cdk as cdk\n\nfrom pipeline")
    replaced(root, "stages/prod.py", r"\n\nPROD", f"{OVERRIDE.format(statement=statement)}\n\nPROD")


def reason(root: Path) -> None:
    """An owner gives another reason."""
    replaced(root, "services/first/acknowledgements.py", "Whoever sends", "Now whoever sends")


def no_reason(root: Path) -> None:
    """An owner accepts a finding no more."""
    replaced(root, "services/second/acknowledgements.py", '"AwsSolutions-SQS3"', '"AwsSolutions-SQS2"')


def reason_again(root: Path) -> None:
    """And accepts it again."""
    replaced(root, "services/second/acknowledgements.py", '"AwsSolutions-SQS2"', '"AwsSolutions-SQS3"')


def entry(root: Path) -> None:
    """A service's entry moves within its stage, which needs another order of deployments."""
    replaced(root, "stages/dev.py", r"\(First\(\), Second\(\)\)", "(Second(), First())")


def steps(root: Path) -> None:
    """A team adds a step behind its deployment."""
    replaced(
        root, "stages/dev.py", "\nfrom pipeline", "\nfrom services.library.contract.steps import Command\nfrom pipeline"
    )
    replaced(root, "stages/dev.py", r"First\(\)", 'First(after=(Command(name="Look", commands=("true",)),))')


def approval(root: Path) -> None:
    """A stage asks for approval."""
    replaced(root, "stages/dev.py", r"\n    services=", "\n    approval=True,\n    services=")


def stage(root: Path) -> None:
    """The platform team adds a stage."""
    if not (root / "stages/late.py").exists():
        text = (root / "stages/dev.py").read_text()
        (root / "stages/late.py").write_text(text.replace("DEV = ", "LATE = ").replace('name="dev"', 'name="late"'))
        replaced(root, "stages/catalogue.py", "import DEV\n", "import DEV\nfrom stages.late import LATE\n")
        replaced(root, "stages/catalogue.py", r"\(DEV, ", "(DEV, LATE, ")
        _ledger(root, stage="late", like="dev")


def wave(root: Path) -> None:
    """Two stages are released side by side."""
    replaced(root, "stages/catalogue.py", "import Catalogue\n", "import Catalogue, Wave\n")
    replaced(root, "stages/catalogue.py", r"\(DEV, LATE, ", '(Wave(name="early", stages=(DEV, LATE)), ')


def new_service(root: Path) -> None:
    """A team adds a service to a stage."""
    if (root / "services/third").exists():
        return
    shutil.copytree(root / "services/first", root / "services/third")
    for file in (root / "services/third").glob("*.py"):
        text = file.read_text().replace("first", "third").replace("First", "Third").replace("a message", "an order")
        file.write_text(text.replace("people read", "clerks read"))
    replaced(root, "stages/prod.py", "\nfrom stages", "\nfrom services.third.service import Third\nfrom stages")
    replaced(root, "stages/prod.py", r"Second\(", "Third(), Second(")
    ledger = root / "stages/deployed.json"
    listed = json.loads(ledger.read_text())
    (like,) = (each for each in listed if (each["stage"], each["service"]) == ("prod", "first"))
    ledger.write_text(json.dumps([*listed, like | {"service": "third", "stack": "prod-third"}]))


def removed_service(root: Path) -> None:
    """A team takes its service out of a stage."""
    replaced(root, "stages/prod.py", r", Second\([^)]*\)", "")
    replaced(root, "stages/prod.py", r"from services.second.service import Second\n", "")
    said = 'stage="prod", service="second", why="Nobody sends it anything any more", owner="@example/second"'
    replaced(root, "stages/removed.py", r"= \(\)", f"= (Tombstone({said}),)")


def library(root: Path) -> None:
    """The platform team changes the library."""
    replaced(
        root,
        "services/library/constructs/key.py",
        r"enable_key_rotation=True",
        "enable_key_rotation=True, enabled=True",
    )


def flag(root: Path) -> None:
    """The platform team changes the context."""
    path = root / "cdk.json"
    content = json.loads(path.read_text())
    name = "@aws-cdk/aws-iam:minimizePolicies"
    content["context"][name] = not content["context"][name]
    path.write_text(json.dumps(content))


def lock(root: Path) -> None:
    """A lock is written anew."""
    path = root / "package-lock.json"
    path.write_text(path.read_text() + "\n")


def nothing(root: Path) -> None:
    """Nobody changes anything."""


def _ledger(root: Path, *, stage: str, like: str) -> None:
    ledger = root / "stages/deployed.json"
    listed = json.loads(ledger.read_text())
    new = [each | {"stage": stage, "stack": f"{stage}-{each['service']}"} for each in listed if each["stage"] == like]
    ledger.write_text(json.dumps([*listed, *new]))


EDITS: tuple[Edit, ...] = (
    *(stack, imported, imported_anew, setting, wrong_setting, default, override, other_override, weaker_override),
    *(no_override, reason, no_reason, reason_again, entry, steps, approval, stage, wave, new_service),
    *(removed_service, library, flag, lock, nothing),
)
BY_NAME: Mapping[str, Edit] = {each.__name__: each for each in EDITS}
