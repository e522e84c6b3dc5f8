"""The faster client of jsii's kernel does what jsii's own does, or says that it cannot."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.synthesis import jsii_client
from tests.conftest import ROOT, synth
from tests.testbed import small_checkout

STOCK = {jsii_client.SWITCH: jsii_client.STOCK}
START = "from pipeline.synthesis import jsii_client; jsii_client.enable(); import aws_cdk as cdk, jsii, sys; "
CALLS = START + "from tests.pipeline.synthesis import calls; calls.main(sys.argv[1])"
COUNTED = (
    "process = jsii.kernel.provider._process; send, sent = process.send, [];"
    " process.send = lambda *given: (sent.append(given), send(*given))[1];"
)
"""Notes each message from here on."""
KERNEL = START + "kernel = jsii.kernel.provider._process._process; "


def python(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != jsii_client.SWITCH}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def files(folder: Path) -> dict[str, bytes]:
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    found.pop("performance-counters.json", None)  # which the CDK writes of a synth that took long
    assert found
    return found


def test_client_synthesises_the_same_bytes_as_the_stock_client(tmp_path: Path) -> None:
    root = small_checkout.make(tmp_path / "checkout")
    for name, environment in (("stock", STOCK), ("faster", {})):
        done = synth(tmp_path / name, checkout=root, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    assert files(tmp_path / "faster") == files(tmp_path / "stock")


def test_client_answers_calls_callbacks_overrides_and_errors_as_the_stock_client_does(tmp_path: Path) -> None:
    said = {}
    for name, environment in (("stock", STOCK), ("faster", {})):
        done = python("-c", CALLS, str(tmp_path / name), environment=environment)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout
    assert said["faster"] == said["stock"]
    assert "thrown RuntimeError FIFO queue names must end in '.fifo' JavaScriptError" in said["faster"]
    assert files(tmp_path / "faster") == files(tmp_path / "stock")


@pytest.mark.parametrize(
    ("again", "messages"),
    [
        ("stack.node.path, stack.node.id, stack.region", 0),
        ("cdk.Stack.of(stack)", 0),
        ("cdk.Duration.minutes(1)", 0),
        ("cdk.Duration.minutes(2)", 1),
        ("iam.ServicePrincipal('lambda.amazonaws.com')", 0),
        ("stack.node.default_child, stack.node.children", 2),
    ],
)
def test_client_asks_once_for_what_never_changes(again: str, messages: int) -> None:
    program = (
        f"{START} from aws_cdk import aws_iam as iam; app = cdk.App(); stack = cdk.Stack(app, 'Stack');"
        " stack.node.path, stack.node.id, stack.region, cdk.Stack.of(stack), cdk.Duration.minutes(1);"
        " iam.ServicePrincipal('lambda.amazonaws.com');"
        f" {COUNTED}"
    )
    done = python("-c", f"{program} {again}; print(len(sent))")
    assert (done.stdout, done.stderr) == (f"{messages}\n", "")


def test_client_reads_a_struct_at_once() -> None:
    program = (
        f"{START} from aws_cdk import aws_kms as kms, aws_iam as iam;"
        " key = kms.Key(cdk.Stack(cdk.App(), 'Stack'), 'Key');"
        " statement = iam.PolicyStatement(actions=['kms:Decrypt'], resources=['*'], principals=[iam.AnyPrincipal()]);"
        f" {COUNTED}"
        " result = key.add_to_resource_policy(statement);"
    )
    done = python("-c", f"{program} print(len(sent), result.statement_added)")
    assert (done.stdout, done.stderr) == ("1 True\n", "")


@pytest.mark.parametrize(
    ("environment", "provider"),
    [
        ({}, "Provider"),
        (STOCK, "ProcessProvider"),
        ({"JSII_HOST_STACK_TRACES": "1"}, "ProcessProvider"),
        ({"JSII_RUNTIME": "elsewhere"}, "ProcessProvider"),
    ],
)
def test_client_gives_way_to_settings_that_ask_for_the_stock_client(
    environment: Mapping[str, str], provider: str
) -> None:
    program = "from pipeline.synthesis import jsii_client; jsii_client.enable(); import jsii;"
    done = python("-c", f"{program} print(type(jsii.kernel.provider).__name__)", environment=environment)
    assert (done.stdout.strip(), done.stderr) == (provider, "")


def test_client_says_in_one_line_that_it_is_for_another_version() -> None:
    program = "import jsii; jsii.__version__ = '1.999.0'; from pipeline.synthesis import jsii_client;"
    done = python("-c", f"{program} jsii_client.enable(); print(type(jsii.kernel.provider).__name__)")
    assert done.stdout == "ProcessProvider\n"
    assert done.stderr == "jsii is 1.999.0, the faster client is for 1.142.0: jsii's own is used.\n"


def test_client_is_for_the_locked_version() -> None:
    assert f'name = "jsii"\nversion = "{jsii_client.VERSION}"' in (ROOT / "uv.lock").read_text()


def test_client_refuses_to_come_after_the_kernel() -> None:
    done = python("-c", "import aws_cdk; from pipeline.synthesis import jsii_client; jsii_client.enable()")
    assert "jsii_client.enable() must come before any import of aws_cdk" in done.stderr


def test_client_ends_its_kernel_with_the_process() -> None:
    done = python("-c", f"{KERNEL} print(kernel.pid)")
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def test_kernel_ends_if_its_client_is_killed() -> None:
    done = python("-c", f"{KERNEL} import os; print(kernel.pid, flush=True); os.kill(os.getpid(), {signal.SIGKILL})")
    assert done.returncode == -signal.SIGKILL
    for _ in range(100):
        if not running(int(done.stdout)):
            return
        time.sleep(0.1)
    raise AssertionError("the kernel outlives its client")


def running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_client_says_that_its_kernel_was_killed() -> None:
    done = python("-c", f"{KERNEL} kernel.kill(); kernel.wait(); cdk.App()")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("jsii.errors.JSIIError: jsii's kernel, the Node process ")
    assert done.stderr.splitlines()[-1].endswith(" ended unasked with -9.")


@pytest.mark.parametrize(
    "environment", [pytest.param(STOCK, id="stock", marks=pytest.mark.soak), pytest.param({}, id="faster")]
)
def test_an_argument_of_a_wrong_type_is_named_with_its_line(tmp_path: Path, environment: Mapping[str, str]) -> None:
    root = small_checkout.make(tmp_path / "checkout")
    service = root / "services/second/service.py"
    text = service.read_text().replace("cdk.Duration.days(settings.retention_days)", "settings.retention_days")
    service.write_text(text)
    done = synth(tmp_path / "out", checkout=root, environment=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "services/second/service.py:28: TypeError: type of argument retention_period must be one of"
        " (aws_cdk.Duration, NoneType); got int instead"
    )
