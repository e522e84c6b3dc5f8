"""A stack with whose it is and how it must be kept, for the checks."""

from dataclasses import dataclass

import aws_cdk as cdk

from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment
from services.library.guardrails.acknowledgement import acceptance


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredStack:
    """A stack that an earlier synth made: its template and what the checks found in it are there, and no construct."""

    path: str


@dataclass(frozen=True, kw_only=True)
class CheckedStack:
    """A stack with what guardrails must know of it. A stack that is not listed belongs to the platform team."""

    stack: cdk.Stack | StoredStack
    environment: Environment | None
    """None for the pipeline: what it stores must be kept, as in production, and stages/acknowledgements.py accepts."""
    service: str
    owner: str
    handles_personal_data: bool
    acknowledgements: tuple[Acknowledgement, ...]
    """From the service's acknowledgements.py, the same in each stage; paths start below the stack."""
    stage_acknowledgements: tuple[Acknowledgement, ...] = ()
    """From there, too, for this stage alone."""

    def __post_init__(self) -> None:
        if self.environment is None and (self.acknowledgements or self.stage_acknowledgements):
            raise ValueError(f"CheckedStack {self.service!r} has no environment: accept in {acceptance.PLATFORM_FILE}.")

    @property
    def path(self) -> str:
        """Return the construct path from the App."""
        return self.stack.path if isinstance(self.stack, StoredStack) else str(self.stack.node.path)

    @property
    def acknowledgements_file(self) -> str:
        """Return where its owner accepts findings."""
        return f"services/{self.service.replace('-', '_')}/acknowledgements.py"
