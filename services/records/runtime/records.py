"""What the service does with a request, whoever brings it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.library.runtime.aws_errors import Busy, RefusedByAws
from services.library.runtime.fhir import FhirStore, Page, Resource
from services.library.runtime.resilience import CallError, Deadline

from . import queries, responses, typed
from .responses import ApiResponse
from .tokens import LongLinkError, TokenError, Tokens

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

FIELDS = ("action", "status", "resource_type", "paths", "request_id", "error")
"""The extra fields of the log lines written here."""


@dataclass(frozen=True, kw_only=True)
class RecordsRequest:
    """A request, apart from how it came."""

    action: str
    """read or search."""
    type: str
    request_id: str
    caller: str = ""
    id: str = ""
    body: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, kw_only=True)
class RecordsApi:
    """Reads and searches."""

    store: FhirStore
    tokens: Tokens
    logger: "Logger"

    def answer(self, asked: RecordsRequest, deadline: Deadline) -> ApiResponse:
        """Respond to one request, whatever happens; of an error the log has the kind and nothing else."""
        try:
            found = self._read(asked, deadline) if asked.action == "read" else self._search(asked, deadline)
        except (queries.QueryError, TokenError, LongLinkError, CallError, Busy, RefusedByAws) as error:
            found = responses.of_error(error, asked.request_id)
            self._log(asked, found, error)
        return found

    def _read(self, asked: RecordsRequest, deadline: Deadline) -> ApiResponse:
        type_, id_ = queries.resource_type(asked.type), queries.resource_id(asked.id)
        read = self.store.read(type_, id_, deadline=deadline, if_none_match=asked.if_none_match)
        if asked.if_match is not None and read is not None and not _matches(read.etag, asked.if_match):
            return responses.problem(412, asked.request_id)
        return responses.of_read(read, asked_for=asked.if_none_match, request_id=asked.request_id)

    def _search(self, asked: RecordsRequest, deadline: Deadline) -> ApiResponse:
        search = queries.search(asked.type, asked.body)
        page = self._page(search, asked, deadline)
        for resource in page.resources:
            # With some elements alone, what FHIR requires may be among those that were left out.
            if not search.elements:
                self._notice(resource, asked)
        following = None if page.next is None else self.tokens.give(page.next, type_=search.type, caller=asked.caller)
        return responses.of_page(page, next_=following, request_id=asked.request_id)

    def _page(self, search: queries.Search, asked: RecordsRequest, deadline: Deadline) -> Page:
        if search.next is not None:
            link = self.tokens.take(search.next, type_=search.type, caller=asked.caller)
            return self.store.follow(link, deadline=deadline)
        return self.store.search(
            search.type, search.parameters, deadline=deadline, count=search.count, elements=search.elements
        )

    def _notice(self, resource: Resource, asked: RecordsRequest) -> None:
        if paths := typed.unrecognised(resource):
            self.logger.warning(
                "resource is not what FHIR says",
                extra={
                    "resource_type": typed.type_of(resource),
                    "paths": list(paths),
                    "request_id": asked.request_id,
                },
            )

    def _log(self, asked: RecordsRequest, answer: ApiResponse, error: Exception) -> None:
        self.logger.warning(
            "request refused",
            extra={
                "action": asked.action,
                "status": answer.status,
                "resource_type": asked.type if asked.type in queries.TYPES else "?",
                # Which call of AWS, its code, resource and request: nothing else is in that text.
                "error": str(error) if isinstance(error, RefusedByAws) else type(error).__name__,
                "request_id": asked.request_id,
            },
            exc_info=error,
        )


def _matches(tag: str | None, wanted: str) -> bool:
    return tag is not None and tag.removeprefix("W/") in {each.strip().removeprefix("W/") for each in wanted.split(",")}
