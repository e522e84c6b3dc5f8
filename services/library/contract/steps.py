"""Steps that a service asks for before or after its deployment; `pipeline/definition/steps.py` makes them actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from services.library.contract.constraints import Between, Items, Matches, OneOf

STEP_NAME = Matches(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}", "1-80 letters, digits, dots, underscores, @ and -")
"""An action's name has 100 at most, and the CDK adds to it:
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html"""
OUTPUT = Matches(r"[A-Za-z0-9]{1,255}", "the key of a stack output: 1-255 letters and digits")
URL_PATH = Matches(r"(/[^\s#]{0,299})?", "nothing, or a path that starts with /, has at most 300 characters and no #")
"""It stands in an action's configuration, where CodePipeline replaces #{...} and takes 1,000 characters a value."""
VARIABLE = Matches(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Calls the deployed service over HTTPS and stops the run if it does not answer as expected."""

    name: Annotated[str, STEP_NAME]
    output: Annotated[str, OUTPUT]
    """Key of the stack output that holds the URL; synth checks that the stack has it."""
    path: Annotated[str, URL_PATH] = ""
    method: Annotated[str, OneOf(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))] = "GET"
    expect_status: Annotated[int, Between(100, 599)] = 200
    attempts: Annotated[int, Between(1, 60)] = 5
    """Tried this often, a second apart: an endpoint may need a moment after its first deployment."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Runs shell commands in an unprivileged build, in a checkout of the commit that is being released."""

    name: Annotated[str, STEP_NAME]
    commands: Annotated[tuple[Annotated[str, Matches(r"(?s).*\S.*", "a shell command")], ...], Items(1, 100)]
    outputs: Mapping[Annotated[str, VARIABLE], Annotated[str, OUTPUT]] = field(default_factory=dict)
    """Environment variable -> key of the stack output that it holds. Only for steps after the deployment."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Waits until a person approves or rejects."""

    name: Annotated[str, STEP_NAME]
    note: Annotated[str, Matches(r"(?s).{1,1000}", "1-1000 characters")]


Step = Probe | Command | Approval
