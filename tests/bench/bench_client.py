"""What the traced client costs for each call beyond bare httpx, and what a dead system costs beyond its deadline."""

import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

import httpx
import pytest

from pipeline.local.cloud.partner.faults import Fault, Kind
from pipeline.local.cloud.partner.listener import Listener
from pipeline.local.cloud.partner.server import Partner
from services.library.runtime.client import Client
from services.library.runtime.resilience import CallError, Deadline
from services.library.runtime.tracing import NoTracing, Tracing
from services.library.runtime.transport import DeadlineTransport
from services.library.runtime.xray import XRayTracing
from tests.bench.figures import Figure

RUNS, CALLS = 7, 500
WORDS = frozenset({"v1", "patients", "coverage"})


@pytest.fixture
def partner() -> Iterator[Listener]:
    listener = Listener(Partner()).start()
    yield listener
    listener.stop()


def microseconds(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Of one call in each way, the median of many that take turns: a busy machine disturbs all alike."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(CALLS):
        for name, call in ways.items():
            began = time.perf_counter()
            call()
            taken[name].append(1_000_000 * (time.perf_counter() - began))
    return {name: median(each) for name, each in taken.items()}


def measure_client(figure: Figure, partner: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    figure.name, figure.unit = "traced client, a call beyond bare httpx", "µs"
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:9")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6b0557b4-000000000000000000000001;Parent=00000000000000aa;Sampled=1")
    url = f"http://127.0.0.1:{partner.port}/v1/patients/p-1/coverage"

    def client(tracing: Tracing) -> Callable[[], object]:
        made = Client(words=WORDS, traces_to=frozenset({"127.0.0.1"}), tracing=tracing, transport=transport)
        return lambda: made.call("GET", url, deadline=Deadline.after(10))

    with DeadlineTransport() as transport, httpx.Client(trust_env=False) as bare:
        ways = {"bare httpx": lambda: bare.get(url), "untraced": client(NoTracing()), "traced": client(XRayTracing())}
        for _ in range(RUNS):
            taken = microseconds(ways)
            figure.samples.append(taken["traced"] - taken["bare httpx"])
            for name, each in taken.items():
                figure.part(name, each)


def measure_dead_dependency(figure: Figure, partner: Listener) -> None:
    figure.name, figure.unit, figure.aim = "dead dependency, beyond a deadline of 500 ms", "ms", "100 ms"
    url = f"http://127.0.0.1:{partner.port}/v1/patients/p-1/coverage"
    client = Client(words=WORDS, breaker_failures=10**9)
    for kind in (Kind.SILENT, Kind.TRICKLE, Kind.SLOW) * 5:
        partner.partner.faults.clear()
        partner.partner.faults.add(Fault(kind=kind, seconds=3, times=99))
        began = time.perf_counter()
        with pytest.raises(CallError):
            client.call("GET", url, deadline=Deadline.after(0.5))
        figure.samples.append((time.perf_counter() - began - 0.5) * 1000)
    client.transport.close()
