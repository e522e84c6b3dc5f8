"""Which pages of browsers may read an API's answers, where these are of several origins.

A header has one origin, so an answer has the request's own if it is one of those that may call, and else the first.

- **Of a mapped answer and of a browser's question** Velocity decides. Whole origins are compared, and no patterns.
- **Gateway responses** are not processed by Velocity, so they have no way to compare: they say `*`, as long as there
  are several origins. A page of another origin learns that its own request was refused, and when it may try again.
- **A proxied function's answer** is the function's own (services/library/runtime/cors.py).

A cache may hand out an answer to the pages of one origin alone: that is what `Vary` says.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-gateway-responses.gatewayResponse.html
https://fetch.spec.whatwg.org/#http-access-control-allow-origin
"""

from collections.abc import Sequence

from services.library.constructs.mappings.request_name import header_template

ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ANY_ORIGIN = "*"
VARY = "Vary"


def answer_headers(origins: Sequence[str]) -> dict[str, str]:
    """Return the headers of an answer: of one origin as they are, of several before `origin_template` decides."""
    if not origins:
        return {}
    return {ALLOW_ORIGIN: origins[0]} | ({VARY: "Origin"} if len(origins) > 1 else {})


def gateway_headers(origins: Sequence[str]) -> dict[str, str]:
    """Return the headers of what API Gateway answers by itself."""
    return {ALLOW_ORIGIN: origins[0] if len(origins) == 1 else ANY_ORIGIN} if origins else {}


def origin_template(origins: Sequence[str]) -> str:
    """Return Velocity that has an answer name the request's origin if it is one of several that may call."""
    if len(origins) < 2:
        return ""
    matches = " || ".join(f'$origin == "{origin}"' for origin in origins)
    return (
        header_template("origin", "Origin")
        + f"#if({matches})\n"
        + f"#set($context.responseOverride.header.{ALLOW_ORIGIN} = $origin)\n"
        + "#end\n"
    )
