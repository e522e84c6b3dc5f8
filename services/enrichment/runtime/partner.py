"""The partner's API. The one module here that knows HTTP."""

from urllib.parse import quote, urlsplit

import httpx

from services.library.runtime.client import Client, StatusError
from services.library.runtime.resilience import AttemptError, BreakerOpenError, CallError, Deadline, Retries
from services.library.runtime.tracing import Tracing
from services.library.runtime.transport import DeadlineTransport, HttpResponse

from .saga import Coverage

WORDS = frozenset({"v1", "patients", "coverage"})
LIMIT_BYTES = 64 * 1024
LONGEST_TEXT = 200


class PartnerUnavailable(Exception):  # noqa: N818 - the workflow retries it by this name
    """The partner did not answer, or not well; the same question may do better later. Names what happened."""


# Not called CircuitOpen: the class's name is the error name in the Retry of workflows that are deployed.
class PartnerLeftAlone(Exception):  # noqa: N818 - as above
    """The circuit breaker is open: the partner kept failing just now, so it was not called."""


class PartnerRefused(Exception):  # noqa: N818 - the workflow knows it by this name
    """The partner answered something that will not change by asking again."""


class PartnerApi:
    """Asks the partner."""

    def __init__(
        self,
        url: str,
        *,
        tracing: Tracing,
        sees_traces: bool,
        attempts: int,
        circuit_open_seconds: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        host = urlsplit(url).hostname or ""
        self.client = Client(
            words=WORDS,
            traces_to=frozenset({host}) if sees_traces else frozenset(),
            tracing=tracing,
            retries=Retries(attempts=attempts),
            limit_bytes=LIMIT_BYTES,
            breaker_open_seconds=circuit_open_seconds,
            transport=transport or DeadlineTransport(),
        )

    def coverage(self, patient: str, deadline: Deadline) -> Coverage | None:
        """Return what the partner knows of a patient. Raises PartnerUnavailable, PartnerLeftAlone or PartnerRefused."""
        url = f"{self.url}/v1/patients/{quote(patient, safe='')}/coverage"
        failure: Exception
        try:
            return _read(self.client.call("GET", url, deadline=deadline))
        except AttemptError as error:
            failure = (PartnerUnavailable if error.transient else PartnerRefused)(_named(error))
        except BreakerOpenError as error:
            failure = PartnerLeftAlone(_named(error))
        except CallError as error:
            failure = PartnerUnavailable(_named(error))
        raise failure


def _named(error: CallError) -> str:
    return f"{type(error).__name__} {error.status}" if isinstance(error, StatusError) else type(error).__name__


def _read(answer: HttpResponse) -> Coverage | None:
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise PartnerRefused(f"status {answer.status}")
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise PartnerRefused("answer")
    payer, member, active = (content.get(name) for name in ("payer", "member", "active"))
    if not (_is_text(payer) and _is_text(member) and isinstance(active, bool)):
        raise PartnerRefused("fields")
    return Coverage(payer=str(payer), member=str(member), active=active)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT
