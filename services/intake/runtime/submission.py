"""What a client submits, checked where it enters."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

FhirId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]*[A-Za-z0-9-][A-Za-z0-9.-]*$", max_length=64)]
ClaimKey = Annotated[str, StringConstraints(pattern=r"^claims/[A-Za-z0-9_-]{1,80}$")]


class InvalidSubmission(Exception):  # noqa: N818 - the workflow knows it by this name
    """The payload can never be processed; names the fields, never their values."""


class Submission(BaseModel):
    """One accepted payload under the name that its client tracks it by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=80)
    patient: FhirId
    resource: dict[str, Any] | None = None
    """A FHIR resource, kept as it came."""
    claim: ClaimKey | None = None
    """Where the whole payload is in the claims bucket, if it was too large to be posted."""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Submission":
        if (self.resource is None) == (self.claim is None):
            raise ValueError("give a resource or a claim")
        return self

    def content(self) -> dict[str, Any]:
        """Return the resource, or the claim in its place."""
        return {"resource": self.resource} if self.claim is None else {"claim": self.claim}


def parse(event: dict[str, Any]) -> Submission:
    """Parse the submission in a workflow task's input: `{"id": name, "payload": {...}}`."""
    payload = event.get("payload")
    if not isinstance(payload, dict):
        raise InvalidSubmission("payload: must be an object")
    if not _is_text(payload):
        raise InvalidSubmission("payload: has half of a character, which no UTF-8 can hold")
    try:
        return Submission(id=event.get("id"), **payload)  # type: ignore[arg-type]  # checked by the model itself
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{_field(problem['loc'], problem['type'])}: {problem['msg']}" for problem in problems)
    except TypeError:
        text = "payload: may not have a field `id`"
    # Outside of the handlers: the text of the model's error quotes the values, which are a patient's.
    raise InvalidSubmission(text)


def _field(location: tuple[int | str, ...], kind: str) -> str:
    """Return the name of an invalid field; an unknown one may be named after a person."""
    return "an unknown field" if kind == "extra_forbidden" else ".".join(map(str, location))


def _is_text(payload: dict[str, Any]) -> bool:
    """JSON may have a lone surrogate; who encodes one later raises an error that holds the whole text."""
    try:
        json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
