"""What a service asks to happen before or after its deployment; `pipeline/steps.py` makes pipeline actions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Calls the deployed service over HTTPS and stops the run if it does not answer as expected."""

    name: str
    output: str
    """Key of the stack output that holds the URL; synth checks that the stack has it."""
    path: str = ""
    method: str = "GET"
    expect_status: int = 200
    attempts: int = 5
    """Tried this often, a second apart: an endpoint may need a moment after its first deployment."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Runs shell commands in an unprivileged build, in a checkout of the commit that is being released."""

    name: str
    commands: tuple[str, ...]
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> key of the stack output that it holds. Only for steps after the deployment."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Waits for a person."""

    name: str
    note: str


Step = Probe | Command | Approval
