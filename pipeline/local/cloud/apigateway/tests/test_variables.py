"""`$input`, `$util` and `$context` of mapping templates.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import json

import pytest

from pipeline.local.cloud.apigateway.variables import Headers, Overrides, Util, mapped, select

BODY = '{"id": 7, "price": 10.00, "name": "it\'s", "tags": ["a", {"b": null}], "a-b": true}'
PARAMETERS = {"path": {"id": "p"}, "querystring": {"id": "q", "q": "q"}, "header": Headers({"x-id": "h", "q": "h"})}


def written(template: str, body: str = BODY) -> str:
    return mapped(template, body=body, parameters=PARAMETERS, context={}, stage_variables={"stage": "v"})


def test_body_is_the_raw_payload() -> None:
    """ "You can use $input.body to preserve entire floating point numbers, such as 10.00." """
    assert written("$input.body") == BODY


def test_json_is_the_selection_as_json() -> None:
    """ "$input.json(x): This function evaluates a JSONPath expression and returns the results as a JSON string." """
    assert written("$input.json('$.tags')") == '["a",{"b":null}]'
    assert written("$input.json('$.name')") == '"it\'s"'
    assert written("$input.json(\"$['a-b']\")") == "true"
    assert json.loads(written("$input.json('$')")) == json.loads(BODY)
    assert written("$input.json('$.nowhere.else')") == '""'


def test_path_is_the_selection_as_an_object() -> None:
    """ "Takes a JSONPath expression string (x) and returns a JSON object representation of the result." """
    assert written("$input.path('$.tags').size() $input.path('$.tags[0]') $input.path('$').id") == "2 a 7"


def test_params_are_searched_in_their_order() -> None:
    """ "from the path, query string, or header value (searched in that order)" """
    assert written("$input.params('id') $input.params('q') $input.params('X-Id')") == "p q h"
    assert written("$input.params().header.get('X-ID') $input.params().querystring.id") == "h q"
    assert written("[$input.params('none')]") == "[]"


def test_stage_variables_are_there() -> None:
    assert written("$stageVariables.stage") == "v"


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("$util.urlEncode('a b/é')", "a+b%2F%C3%A9"),
        ("$util.urlDecode('a+b%2F')", "a b/"),
        ("$util.base64Encode('é')", "w6k="),
        ("$util.base64Decode('w6k=')", "é"),
        ("$util.parseJson('{\"a\": [1]}').a[0]", "1"),
    ],
)
def test_util_is_as_documented(call: str, result: str) -> None:
    assert written(call) == result


def test_an_escaped_single_quote_is_no_json_until_it_is_replaced() -> None:
    """ "This function will turn any regular single quotes (') into escaped ones (\\'). However, the escaped single
    quotes are not valid in JSON. Thus, when the output from this function is used in a JSON property, you must turn any
    escaped single quotes (\\') back to regular single quotes (')."
    """
    assert Util.escapeJavaScript("it's") == "it\\'s"
    assert written('$util.escapeJavaScript($input.body).replaceAll("\\\\\'", "\'")', "it's") == "it's"


def test_an_override_counts_once() -> None:
    """ "If you try to override the same parameter multiple times, API Gateway returns a 5XX response."

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    """
    context = {"responseOverride": Overrides({"header": Overrides()})}
    once = "#set($context.responseOverride.status = 409)#set($context.responseOverride.header.Retry-After = '1')"
    mapped(once, body="", parameters={}, context=context, stage_variables={})
    assert context == {"responseOverride": {"status": 409, "header": {"Retry-After": "1"}}}
    with pytest.raises(ValueError, match="status is overridden twice"):
        mapped(once, body="", parameters={}, context=context, stage_variables={})


def test_a_jsonpath_that_is_not_followed_says_so() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        select({}, "$..anywhere")
