"""Datadog's layers, which are in somebody else's account: their code comes from setup, their agent from who runs one.

`PENSTOCK_DATADOG_AGENT=http://127.0.0.1:8126` in the surroundings of the local cloud names an agent (`ddapm-test-agent`
is one); without it spans are lines in the function's log, as datadog-lambda writes them where there is no extension.
"""

import os
import re

from pipeline.local.cloud.emulator import Emulator, StandIn

AGENT = "PENSTOCK_DATADOG_AGENT"
LAYER = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:Datadog-Python\d+(-ARM)?:\d+")
STAND_IN = StandIn(
    group="datadog",
    # Where there is no extension, datadog-lambda would read the API key and send its metrics over the internet.
    variables={"DD_FLUSH_TO_LOG": "true"},
)


def install(emulator: Emulator) -> None:
    """Let functions find the agent."""
    emulator.layers[LAYER] = STAND_IN
    if agent := os.environ.get(AGENT):
        emulator.surroundings["DD_TRACE_AGENT_URL"] = agent
