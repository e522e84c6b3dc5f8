"""The local cloud decides the calls that the guardrail knows of."""

import json

from pipeline.local.cloud.cloudformation.distil_calls import OUTPUT, distil, text_of
from services.library.guardrails.deployment.handler_calls import FILE


def test_the_calls_are_those_of_the_guardrail() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == text_of(distil(json.loads(FILE.read_bytes())))
