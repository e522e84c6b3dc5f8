"""The local cloud starts, is found again, stops, and is erased; nothing of the person's reaches it."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import pytest

from pipeline.local import lifecycle
from pipeline.local.environment import for_the_cloud
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import CHECKOUT, CloudLocation, LocalCloud, default_place, erase, find, start, stop
from pipeline.local.processes import free_port, is_free, process
from pipeline.local.version import code_version
from tests.testbed.roles import role

FreshCloud = Callable[..., LocalCloud]
HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAHOSTILE",
    "AWS_SECRET_ACCESS_KEY": "hostile",
    "AWS_SESSION_TOKEN": "hostile",
    "AWS_PROFILE": "hostile",
    "AWS_ENDPOINT_URL": "http://192.0.2.1:4566",
    "AWS_CONFIG_FILE": "/hostile",
    "aws_region": "hostile",
}


@pytest.fixture
def place(tmp_path: Path) -> CloudLocation:
    """A place without a cloud."""
    place = CloudLocation(home=tmp_path / "home", port=free_port())
    place.home.mkdir()
    return place


@pytest.fixture
def taken(place: CloudLocation) -> Iterator[int]:
    """The place's port, on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.port))
        other.listen()
        yield place.port


@pytest.mark.cloud
def test_it_answers_in_the_account_of_the_access_key(cloud: LocalCloud) -> None:
    identity = cloud.client("sts", account="222222222222").get_caller_identity()
    assert identity["Account"] == "222222222222"


@pytest.mark.cloud
def test_it_listens_on_loopback_only(cloud: LocalCloud) -> None:
    listening = Path(f"/proc/{cloud.emulator_pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    ours = [line.split()[1] for line in listening if line.split()[1].endswith(f":{cloud.port:04X}")]
    assert f"0100007F:{cloud.port:04X}" in ours
    assert f"00000000:{cloud.port:04X}" not in ours


@pytest.mark.cloud
def test_it_is_found_while_it_runs_and_not_after(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(approve="auto")
    found = find(cloud.place)
    assert found == cloud
    assert found.approve == "auto"
    assert found.is_current
    assert stop(cloud.place)
    assert find(cloud.place) is None
    assert not stop(cloud.place)


@pytest.mark.cloud
def test_two_starts_at_once_make_one_cloud(fresh_cloud: FreshCloud) -> None:
    clouds: list[LocalCloud] = []
    threads = [threading.Thread(target=lambda: clouds.append(fresh_cloud())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clouds[0] == clouds[1]


@pytest.mark.cloud
def test_nothing_it_started_outlives_a_killed_emulator(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Role=role(cloud, "worker", "lambda.amazonaws.com"),
        Handler="handler.handle",
        Code={"ZipFile": zipped("import os\n\ndef handle(event, context):\n    return os.getpid()\n")},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="worker", WaiterConfig={"Delay": 0.05})
    number = int(functions.invoke(FunctionName="worker")["Payload"].read())
    worker = process(number)
    assert worker is not None
    os.kill(cloud.emulator_pid, signal.SIGKILL)
    wait_until(lambda: not cloud.is_running)
    assert not worker.is_running
    assert fresh_cloud().supervisor != cloud.supervisor


@pytest.mark.cloud
def test_a_cloud_ends_with_its_parent_and_without_one_outlives_who_started_it(tmp_path: Path) -> None:
    places = [CloudLocation(home=tmp_path / name, port=free_port()) for name in ("child", "orphan")]
    code = f"""
import os, time
from pathlib import Path
from pipeline.local.lifecycle import PARENT, CloudLocation, start

os.environ.pop(PARENT, None)
parents = ({{PARENT: str(os.getpid())}}, {{}})
for (home, port), parent in zip({[(str(place.home), place.port) for place in places]}, parents, strict=True):
    start(CloudLocation(home=Path(home), port=port), environment=os.environ | parent)
print("started", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "started\n"
        child, orphan = (find(place) for place in places)
        assert child is not None
        assert orphan is not None
        starter.kill()
        wait_until(lambda: not child.is_running)
    assert is_free(child.port), "the emulator has ended before its supervisor"
    assert orphan.is_running
    assert stop(orphan.place)


@pytest.mark.cloud
def test_a_start_right_after_a_kill_begins_a_new_cloud(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    os.kill(cloud.emulator_pid, signal.SIGKILL)
    again = fresh_cloud()
    assert again.supervisor != cloud.supervisor
    assert again.client("sts").get_caller_identity()["Account"] == "111111111111"


@pytest.mark.cloud
def test_a_cloud_that_hangs_is_ended_with_all_its_processes(
    fresh_cloud: FreshCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "STOP_SECONDS", 0.5)
    cloud = fresh_cloud()
    emulator = process(cloud.emulator_pid)
    assert emulator is not None
    os.kill(emulator.pid, signal.SIGSTOP)
    assert stop(cloud.place)
    assert not emulator.is_running
    assert not cloud.is_running


@pytest.mark.cloud
def test_hostile_variables_do_not_reach_it(fresh_cloud: FreshCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    cloud = fresh_cloud()
    for pid in (cloud.supervisor.pid, cloud.emulator_pid):
        environment = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0")
        assert [line for line in environment if line.upper().startswith("AWS_")] == []
    assert cloud.client("sts").get_caller_identity()["Account"] == "111111111111"


@pytest.mark.cloud
def test_erasing_forgets_everything(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    cloud.client("ssm").put_parameter(Name="/kept", Value="x", Type="String")
    erase(cloud.place)
    assert not cloud.place.folder.exists()
    again = fresh_cloud()
    assert again.client("ssm").describe_parameters()["Parameters"] == []


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out(place: CloudLocation, taken: int) -> None:
    with pytest.raises(LocalCloudError) as refused:
        start(place, environment=os.environ)
    assert f"Port {taken} of 127.0.0.1" in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert "PENSTOCK_PORT=" in str(refused.value)


def test_a_port_that_another_clones_cloud_has_is_given_back_there(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    other = fresh_cloud()
    with pytest.raises(LocalCloudError) as refused:
        start(CloudLocation(home=tmp_path / "mine", port=other.port), environment=os.environ)
    assert f"by the local cloud of {other.place.home.parent}. " in str(refused.value)
    assert f"Run `penstock down` in {other.place.home.parent}, " in str(refused.value)


def test_the_port_that_is_proposed_is_free(place: CloudLocation, taken: int) -> None:
    with socket.socket() as next_one:
        with suppress(OSError):  # somebody else has it, which is as good
            next_one.bind(("127.0.0.1", taken + 1))
            next_one.listen()
        with pytest.raises(LocalCloudError) as refused:
            start(place, environment=os.environ)
    found = re.search(r"PENSTOCK_PORT=(\d+) make up", str(refused.value))
    assert found is not None
    assert int(found[1]) not in (taken, taken + 1)
    assert is_free(int(found[1]))


def test_a_description_of_a_dead_cloud_counts_for_none(place: CloudLocation) -> None:
    me = process(os.getpid())
    assert me is not None
    described = {"port": place.port, "pid": me.pid, "started": "another boot/1", "approve": "ask", "version": ""}
    place.state_file.write_text(json.dumps(described), encoding="utf-8")
    assert find(place) is None


@pytest.mark.parametrize(
    "torn", ["", "{", '{"port": 1}', '{"port": "x", "pid": 1, "started": "", "approve": ""}', "[]"]
)
def test_a_torn_description_counts_for_none(place: CloudLocation, torn: str) -> None:
    place.state_file.write_text(torn, encoding="utf-8")
    assert find(place) is None


def test_a_stranger_with_the_old_number_is_left_alone(place: CloudLocation) -> None:
    described = {"port": place.port, "pid": os.getpid(), "started": "another boot/1", "approve": "ask", "version": ""}
    place.state_file.write_text(json.dumps(described), encoding="utf-8")
    assert not stop(place)  # or this very process would have got the signal


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    with pytest.raises(LocalCloudError, match=r"cannot use .*file"):
        start(CloudLocation(home=in_the_way, port=free_port()), environment=os.environ)


def test_the_environment_is_built_from_nothing(tmp_path: Path) -> None:
    environment = HOSTILE | {"SECRET": "x", "HOME": "/root", "PIP_INDEX_URL": "https://index", "PENSTOCK_TOOLS": "/t"}
    built = for_the_cloud(environment, tmp_path)
    assert built["PIP_INDEX_URL"] == "https://index"
    assert built["PENSTOCK_TOOLS"] == "/t"
    assert built["HOME"] == str(tmp_path / "home")
    assert not {"SECRET", *HOSTILE} & built.keys()


def test_the_port_may_be_chosen(tmp_path: Path) -> None:
    assert default_place({}, tmp_path) == CloudLocation(home=tmp_path / ".penstock", port=4566)
    assert default_place({"PENSTOCK_PORT": "5000"}, tmp_path).port == 5000


@pytest.mark.parametrize("port", ["", "x", "80", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match="PENSTOCK_PORT"):
        default_place({"PENSTOCK_PORT": port}, tmp_path)


def zipped(source: str) -> bytes:
    """A function's package with one module."""
    package = io.BytesIO()
    with ZipFile(package, "w") as archive:
        archive.writestr("handler.py", source)
    return package.getvalue()


def test_other_code_has_another_version(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text("a = 1", encoding="utf-8")
    before = code_version(tmp_path)
    assert code_version(tmp_path) == before
    (tmp_path / "service.py").write_text("a = 2", encoding="utf-8")
    assert code_version(tmp_path) != before


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll, as nothing tells when another process has ended."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("it did not happen in time")
