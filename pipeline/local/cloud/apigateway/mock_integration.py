"""Methods without a backend: the request template says the status, and the response is mapped like any other.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
"""

import re
from dataclasses import dataclass

from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.apigateway.service_integration import ServiceIntegration, misconfigured
from pipeline.local.cloud.emulator import HttpResponse

_STATUS = re.compile(r"""["']?statusCode["']?\s*:\s*["']?(\d{3})""")


@dataclass(frozen=True, kw_only=True)
class MockIntegration(ServiceIntegration):
    """One method's integration with nothing."""

    def mapped_answer(self, request_context: RequestContext) -> HttpResponse:
        """Choose the response by the status in the mapped request, and map it."""
        found = _STATUS.search(self._mapped_request(request_context))
        if found is None:
            raise misconfigured()
        return self._mapped_response(request_context, int(found[1]), {}, "")
