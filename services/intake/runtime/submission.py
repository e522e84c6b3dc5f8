"""What a client submits, checked where it is first read."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from services.library.runtime import exact_json
from services.library.runtime.content import content_digest

FhirId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]*[A-Za-z0-9-][A-Za-z0-9.-]*$", max_length=64)]
ClaimKey = Annotated[str, StringConstraints(pattern=r"^claims/[A-Za-z0-9_-]{1,80}$")]
JsonObject = Annotated[str, StringConstraints(pattern=r"^\{")]


class InvalidSubmission(Exception):  # noqa: N818 - the workflow knows it by this name
    """The payload can never be processed; names the fields, never their values."""


class AnotherContent(Exception):  # noqa: N818 - as above
    """The id was given to another content before; which of the two is right, a person has to say."""

    def __init__(self, *, digest: str, recorded_digest: str) -> None:
        super().__init__(f"given {digest}, recorded {recorded_digest}")
        self.digest = digest
        self.recorded_digest = recorded_digest


class Submission(BaseModel):
    """One accepted payload under the name that its client tracks it by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=80)
    patient: FhirId
    resource: JsonObject | None = None
    """A FHIR resource: the text that was posted, byte for byte."""
    claim: ClaimKey | None = None
    """Where the whole payload is in the claims bucket, if it was too large to be posted."""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Submission":
        if (self.resource is None) == (self.claim is None):
            raise ValueError("give a resource or a claim")
        return self

    def content(self) -> tuple[str, str]:
        """Return the field of the content, and the content as JSON text: the resource, or the claim in its place."""
        return ("claim", json.dumps(self.claim)) if self.resource is None else ("resource", self.resource)

    @property
    def digest(self) -> str:
        """Return the digest of what is submitted, by which a retry is known from another content under its id."""
        return content_digest(self.patient, self.content()[1])


def parse(event: Mapping[str, Any]) -> Submission:
    """Parse the submission in a workflow task's input: `{"id": name, "payload": {"base64": body}}`.

    An execution that was started before bodies travelled as text has the body's members in the payload.
    """
    payload = event.get("payload")
    if not isinstance(payload, dict):
        raise InvalidSubmission("payload: must be an object")
    fields = _fields(payload["base64"]) if payload.keys() == {"base64"} else _parsed_fields(payload)
    if "id" in fields:
        raise InvalidSubmission("payload: may not have a field `id`")
    try:
        return Submission(id=event.get("id"), **fields)  # type: ignore[arg-type]  # checked by the model itself
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{_field(problem['loc'], problem['type'])}: {problem['msg']}" for problem in problems)
    # Outside of the handlers: the text of the model's error quotes the values, which are a patient's.
    raise InvalidSubmission(text)


def _fields(encoded: object) -> dict[str, Any]:
    """Return the fields of a body in base64, of which the resource stays text."""
    members: dict[str, str] | None = None
    with suppress(ValueError):  # binascii's, UTF-8's and JSON's
        members = exact_json.members(base64.b64decode(str(encoded), validate=True).decode())
    if members is None:
        raise InvalidSubmission("payload: must be a JSON object in UTF-8")
    return {name: text if name == "resource" else exact_json.read(text) for name, text in members.items()}


def _parsed_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a body that Step Functions and Lambda have parsed."""
    text = None
    try:
        text = json.dumps(payload.get("resource"), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except ValueError:
        text = None
    if text is None:
        raise InvalidSubmission(
            "payload: has half of a character or an infinite number, which no JSON in UTF-8 can hold"
        )
    return {**payload, **({"resource": text} if "resource" in payload else {})}


def _field(location: tuple[int | str, ...], kind: str) -> str:
    """Return the name of an invalid field; an unknown one may be named after a person."""
    return "an unknown field" if kind == "extra_forbidden" else ".".join(map(str, location))
