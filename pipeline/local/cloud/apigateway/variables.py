"""API Gateway's `$input`, `$util` and `$context` for mapping templates.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.apigateway.velocity.java import text_of
from pipeline.local.cloud.apigateway.velocity.render import render

_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")
_MISSING = object()
# StringEscapeUtils of commons-lang 2.6, which escapes the single quote and the slash too.
_ESCAPES = {
    "\b": "\\b",
    "\n": "\\n",
    "\t": "\\t",
    "\f": "\\f",
    "\r": "\\r",
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
}
_TO_ESCAPE = re.compile("[^ !#-&(-.0-\\[\\]-\x7f]")


class Headers(dict[str, str]):
    """Header values by name, whatever its case: HTTP/2 clients, and this server, lower the case of every name."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # what templates call
        """Read one header."""
        for key, value in self.items():
            if key.lower() == name.lower():
                return value
        return default


class Input:
    """`$input`: the payload, and the parameters of the method request."""

    def __init__(self, body: str, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self.body = body
        self._parameters = parameters

    def json(self, expression: str) -> str:
        """Return what a JSONPath expression selects, as JSON text."""
        found = select(json.loads(self.body or "{}"), expression)
        return '""' if found is _MISSING else json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def path(self, expression: str) -> object:
        """Return what a JSONPath expression selects, as an object."""
        found = select(json.loads(self.body or "{}"), expression)
        return "" if found is _MISSING else found

    def params(self, name: str | None = None) -> object:
        """Return every parameter, or one: "from the path, query string, or header value (searched in that order)"."""
        if name is None:
            return self._parameters
        for place in ("path", "querystring", "header"):
            if (value := self._parameters.get(place, {}).get(name)) is not None:
                return value
        return ""


class Util:
    """`$util`."""

    @staticmethod
    def escapeJavaScript(text: object) -> str | None:  # noqa: N802 - the name that templates call
        """Escape a text for a JavaScript string. JSON knows no escaped single quote: templates must undo those."""
        return None if text is None else _TO_ESCAPE.sub(_escape, text_of(text))

    @staticmethod
    def parseJson(text: str) -> object:  # noqa: N802 - the name that templates call
        """Read JSON text."""
        return json.loads(text)

    @staticmethod
    def urlEncode(text: object) -> str:  # noqa: N802 - the name that templates call
        """Encode for "application/x-www-form-urlencoded"."""
        return urllib.parse.quote_plus(text_of(text), safe="*").replace("~", "%7E")

    @staticmethod
    def urlDecode(text: str) -> str:  # noqa: N802 - the name that templates call
        """Decode "application/x-www-form-urlencoded"."""
        return urllib.parse.unquote_plus(text)

    @staticmethod
    def base64Encode(text: object) -> str:  # noqa: N802 - the name that templates call
        """Encode as base64."""
        return base64.b64encode(text_of(text).encode()).decode()

    @staticmethod
    def base64Decode(text: str) -> str:  # noqa: N802 - the name that templates call
        """Decode base64."""
        return base64.b64decode(text).decode()


class Overrides(dict[str, Any]):
    """`$context.responseOverride` and the like.

    "Overrides are final. An override may only be applied to each parameter once. If you try to override the same
    parameter multiple times, API Gateway returns a 5XX response."
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    """

    def __setitem__(self, name: str, value: object) -> None:
        """Override one parameter."""
        if name in self:
            raise ValueError(f"{name} is overridden twice")
        super().__setitem__(name, value)


def select(document: object, expression: str) -> Any:
    """Follow a JSONPath expression of plain steps: `$`, `.name`, `['name']`, `[0]`."""
    rest = expression.strip().removeprefix("$")
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if not step:
            raise ValueError(f"the local cloud does not follow the JSONPath {expression!r}")
        at = step.end()
        name = step[1] or step[2] or step[3]
        if step[4] is not None:
            known = isinstance(document, list) and int(step[4]) < len(document)
            document = document[int(step[4])] if known else _MISSING  # type: ignore[index]  # known to be a list
        else:
            document = document.get(name, _MISSING) if isinstance(document, dict) else _MISSING
    return document


def mapped(
    template: str,
    *,
    body: str,
    parameters: Mapping[str, Mapping[str, str]],
    context: dict[str, Any],
    stage_variables: Mapping[str, str],
) -> str:
    """Render a mapping template; overrides are left in `context`."""
    return render(
        template,
        {
            "input": Input(body, parameters),
            "util": Util,
            "context": context,
            "stageVariables": dict(stage_variables),
        },
    )


def _escape(match: re.Match[str]) -> str:
    sign = match[0]
    known = _ESCAPES.get(sign)
    if known:
        return known
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
