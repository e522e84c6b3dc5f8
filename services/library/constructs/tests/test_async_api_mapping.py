"""The async API's tables; `tests/services/library/velocity` runs its templates."""

import json
import re

from services.library.constructs.mappings.async_api import integration_responses, response_statuses
from services.library.constructs.mappings.problem import gateway_responses


def test_the_patterns_share_out_every_status() -> None:
    """ "API Gateway ... regular expression ... matched with the whole status"; the default takes the rest.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html
    """
    patterns = {answer.status: answer.pattern for answer in integration_responses() if answer.pattern}
    taken = {
        status: [answer for answer, pattern in patterns.items() if re.fullmatch(pattern, str(status))]
        for status in range(100, 600)
    }
    assert taken[200] == [202]
    assert all(len(answers) <= 1 for answers in taken.values())
    assert [status for status, answers in taken.items() if 202 in answers] == [200]
    assert (taken[400], taken[429], taken[500], taken[503], taken[302]) == ([400], [400], [502], [503], [])
    assert [answer.status for answer in integration_responses() if answer.pattern is None] == [500]


def test_gateway_responses_are_json_once_their_variables_are_filled_in() -> None:
    """Gateway responses know "only simple variable substitution", and messageString brings its own quotes.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
    """
    for answer in gateway_responses():
        filled = answer.template.replace("$context.error.messageString", '"Invalid"')
        problem = json.loads(filled.replace("$context.requestId", "id"))
        assert problem["requestId"] == "id"
        assert problem.get("status") == answer.status
        assert problem["detail"]
        assert "#" not in answer.template


def test_every_status_of_the_contract_is_declared() -> None:
    assert response_statuses() == (202, 400, 409, 413, 429, 500, 502, 503)
