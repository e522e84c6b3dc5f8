"""Whatever fails, no log, span, metric, exception, message, event or alarm says whom it was about.

What may: docs/personal-data.md.
"""

import base64
import copy
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.processes import free_port
from services.library.constructs.tracing import VARIABLES
from services.library.tests.fhir_server import REGION
from tests.conftest import ROOT, Assembly
from tests.services.personal_data.canaries import WORDS, Detector
from tests.services.personal_data.derived import Derived
from tests.services.personal_data.sinks import SINKS
from tests.services.personal_data.workflow import states_of

SERVICES = ("intake", "ingest", "enrichment", "records")
SEED = 20261124
FUNCTION = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    # What the datastore of the tests knows.
    "AWS_ACCESS_KEY_ID": f"ASIA{0:016d}",
    "AWS_SECRET_ACCESS_KEY": "secret-0",
    "AWS_SESSION_TOKEN": "token-0",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "one",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/one",
    "AWS_LAMBDA_LOG_STREAM_NAME": "one",
    "DATASTORE_REGION": REGION,
    "PARTNER_ATTEMPTS": "2",
    "PARTNER_SECONDS": "0.1",
    "LINKS_KEY_ARN": f"arn:aws:kms:{REGION}:111111111111:key/one",
}
DATADOG = {
    **VARIABLES,
    "DD_LAMBDA_HANDLER": "services.intake.runtime.handler.handle",
    "DD_CAPTURE_LAMBDA_PAYLOAD": "false",
    "DD_FLUSH_TO_LOG": "true",
    "DD_SITE": "datadoghq.eu",
}


@dataclass(frozen=True)
class Found:
    """What a campaign left behind."""

    sinks: dict[str, str]
    ended: Counter[str]
    detector: Detector

    def hits(self) -> dict[str, list[str]]:
        found = {name: self.detector.hits(text) for name, text in self.sinks.items()}
        return {name: hits[:5] for name, hits in found.items() if hits}


def campaign(
    folder: Path, templates: list[dict[str, Any]], *, datadog: bool, seed: int, cases: int, leaking: bool = False
) -> Found:
    machines = {
        name: states_of(template) for name, template in zip(SERVICES, templates, strict=True) if _flows(template)
    }
    (folder / "machines.json").write_text(json.dumps(machines))
    variables = (
        _variables(templates)
        | FUNCTION
        | ({**DATADOG, "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{free_port()}"} if datadog else {})
    )
    how = "leaking" if leaking else "tight"
    with (folder / "logs").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "tests.services.personal_data", folder, str(seed), str(cases), how],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **variables},
            stdout=log,
            stderr=log,
            check=False,
            timeout=600,
        )
    log_text = (folder / "logs").read_text(errors="surrogatepass")
    assert done.returncode == 0, log_text[-3000:]
    report = json.loads((folder / "report.json").read_text())
    sinks = {name: (folder / name).read_text(errors="surrogatepass") for name in SINKS}
    derived = Derived(log_text, templates)
    sinks |= {"metrics": "\n".join(derived.metrics()), "alarms": "\n".join(derived.alarms())}
    return Found(sinks=sinks, ended=Counter(report["ended"]), detector=Detector(report["members"]))


def _variables(templates: list[dict[str, Any]]) -> dict[str, str]:
    """What the functions are deployed with; a name that only the deployment knows is any."""
    found: dict[str, str] = {}
    for template in templates:
        for each in template["Resources"].values():
            if each["Type"] == "AWS::Lambda::Function" and each["Properties"].get("Handler", "").startswith(
                "services."
            ):
                given = each["Properties"].get("Environment", {}).get("Variables", {})
                found |= {name: value if isinstance(value, str) else "one" for name, value in given.items()}
    return found


def _flows(template: dict[str, Any]) -> bool:
    return any(each["Type"] == "AWS::StepFunctions::StateMachine" for each in template["Resources"].values())


@pytest.fixture(scope="module")
def templates(assembly: Assembly) -> list[dict[str, Any]]:
    """Production's, of each service."""
    return [assembly.template(f"prod-{name}") for name in SERVICES]


@pytest.mark.parametrize("datadog", [False, True], ids=["x-ray", "datadog"])
@pytest.mark.parametrize(
    ("seed", "cases"),
    [
        pytest.param(SEED, 500, id="fast"),
        *(pytest.param(SEED + more, 5_000, id=f"seed {more}", marks=pytest.mark.soak) for more in (1, 2)),
    ],
)
def test_no_fault_says_whom_it_was_about(
    datadog: bool, seed: int, cases: int, templates: list[dict[str, Any]], tmp_path: Path
) -> None:
    found = campaign(tmp_path, templates, datadog=datadog, seed=seed, cases=cases)
    logging.getLogger(__name__).info("seed %d, %d cases: %s", seed, cases, dict(found.ended))
    assert found.hits() == {}
    assert found.ended.total() == cases
    assert set(found.sinks) == {*SINKS, "metrics", "alarms"}
    for name, text in found.sinks.items():
        assert len(text.splitlines()) >= 10, f"{name} was hardly used, so nothing is shown of it"


def test_a_leak_into_any_of_them_is_found(templates: list[dict[str, Any]], tmp_path: Path) -> None:
    leaking = copy.deepcopy(templates)
    transformation = {"MetricNamespace": "Leak", "MetricName": "Leak", "MetricValue": "$.first_time"}
    alarm = {
        "Namespace": "Leak",
        "MetricName": "Leak",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    leaking[0]["Resources"] |= {
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {"FilterPattern": '{ $.message = "numbered" }', "MetricTransformations": [transformation]},
        },
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }
    for datadog in (False, True):
        folder = tmp_path / str(datadog)
        folder.mkdir()
        found = campaign(folder, leaking, datadog=datadog, seed=SEED, cases=80, leaking=True)
        assert found.hits().keys() == {*SINKS, "metrics", "alarms"}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("before", ["", "a", "ab", '{"patient": "'])
def test_a_word_is_found_in_clear_and_in_base64_wherever_it_stands(word: str, before: str) -> None:
    text = f"{before}{word}, and more"
    detector = Detector()
    assert detector.hits(text.upper())
    assert detector.hits(base64.b64encode(text.encode()).decode())
    assert not detector.hits("nobody in particular")


def test_an_access_log_names_what_was_asked_for_and_neither_who_asked_nor_about_whom(
    templates: list[dict[str, Any]],
) -> None:
    """`$context.path` has a patient's id, `$context.identity` a caller's name: `resourcePath` is `/{type}/{id}`."""
    stages = [each for template in templates for each in template["Resources"].values()]
    formats = [
        each["Properties"]["AccessLogSetting"]["Format"] for each in stages if each["Type"] == "AWS::ApiGateway::Stage"
    ]
    said = set(re.findall(r"\$context\.([\w.]+)", "".join(formats)))
    assert len(formats) == 2
    assert said == {
        *("requestId", "httpMethod", "resourcePath", "status", "responseLatency", "integration.status", "xrayTraceId"),
    }
