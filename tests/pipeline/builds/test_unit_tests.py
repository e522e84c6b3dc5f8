"""Which services' unit tests a run of the pipeline runs, and what it keeps of them."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pipeline.builds import unit_tests
from tests.testbed.code_pipeline import refusal

FILES = (
    "services/orders/tests/test_orders.py",
    "services/orders/runtime/orders.py",
    "services/orders/runtime/docs/fields.json",
    "services/payments/tests/test_payments.py",
    "services/library/tests/test_library.py",
    "services/library/runtime/shared.py",
    "tests/services/payments/test_payments.py",
    "docs/orders.md",
    "README.md",
    "uv.lock",
)


class Store:
    """What has passed."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.code = "NoSuchKey"

    def get_object(self, **asked: str) -> None:
        if asked["Key"] not in self.kept:
            raise refusal(self.code)

    def put_object(self, **asked: Any) -> None:
        self.kept.append(asked["Key"])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A checkout, in which the tests are called, and a store that has nothing."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first")
    made = Store()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setattr("sys.argv", ["unit_tests", "--store", "artifacts"])
    return made


def units(monkeypatch: pytest.MonkeyPatch, *, exit_code: int = 0) -> tuple[int, list[str]]:
    """What it answers, and the services whose tests it ran."""
    ran: list[str] = []

    def run(command: list[str], **_words: Any) -> CompletedProcess[str]:
        ran.extend(word.removeprefix("services/") for word in command if word.startswith("services/"))
        return CompletedProcess(command, exit_code)

    monkeypatch.setattr("subprocess.run", run)
    return unit_tests.main(), ran


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        ("services/orders/runtime/orders.py", ["orders"]),
        ("services/orders/runtime/docs/fields.json", ["orders"]),
        ("tests/services/payments/test_payments.py", ["payments"]),
        ("services/library/runtime/shared.py", ["orders", "payments"]),
        ("uv.lock", ["orders", "payments"]),
        ("docs/orders.md", []),
        ("README.md", []),
    ],
)
@pytest.mark.usefixtures("store")
def test_unit_tests_run_for_the_services_that_a_run_changes(
    changed: str, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert units(monkeypatch) == (0, ["orders", "payments"])
    assert units(monkeypatch) == (0, [])
    Path(changed).write_text("second")
    assert units(monkeypatch) == (0, due)


@pytest.mark.usefixtures("store")
def test_unit_tests_run_for_a_change_of_what_a_service_links_to(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("services/payments/runtime").mkdir()
    Path("services/payments/runtime/orders").symlink_to("../../orders/runtime")
    Path("services/payments/runtime/round").symlink_to("..")
    Path("services/payments/runtime/outside").symlink_to("/")
    assert units(monkeypatch) == (0, ["orders", "payments"])
    Path("services/orders/runtime/orders.py").write_text("second")
    assert units(monkeypatch) == (0, ["orders", "payments"])


@pytest.mark.usefixtures("store")
def test_unit_tests_name_a_service_that_has_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("services/returns").mkdir()
    Path("services/returns/service.py").touch()
    assert units(monkeypatch) == (0, ["orders", "payments"])
    assert "returns has no tests.\n" in capsys.readouterr().out


@pytest.mark.usefixtures("store")
def test_unit_tests_that_fail_fail_the_build_and_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        assert units(monkeypatch, exit_code=1) == (1, ["orders", "payments"])


@pytest.mark.usefixtures("store")
def test_services_with_tests_in_a_local_cloud_alone_hold_nothing_up_and_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert units(monkeypatch, exit_code=5) == (0, ["orders", "payments"])
    assert "None of these tests is one that a build runs (not cloud and" in capsys.readouterr().out
    assert units(monkeypatch) == (0, ["orders", "payments"]), "nothing is kept of it"


def test_unit_tests_run_where_it_cannot_be_told_whether_they_passed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.code = "AccessDenied"  # as S3 answers those who may not list the bucket
    assert units(monkeypatch) == (0, ["orders", "payments"])
    store.code = "SlowDown"
    Path("uv.lock").write_text("second")
    with pytest.raises(Exception, match="SlowDown"):
        units(monkeypatch)
