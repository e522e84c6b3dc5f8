"""The local cloud's life on this machine: found, started, stopped, erased."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipeline.local.client import Clients, failure_to_save, is_healthy
from pipeline.local.environment import for_the_cloud
from pipeline.local.errors import LocalCloudError
from pipeline.local.processes import Process, children_of, free_port, holder_of, is_free, process, send
from pipeline.local.version import code_version

DEFAULT_PORT = 4566
LAST_PORT = 65535
PROGRAM = "pipeline.local.cloud"
FOLDER = "--folder"
"""Its option with the folder, by which another clone's cloud is known, too."""
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ANSWER_SECONDS = 10.0
POLL_SECONDS = 0.02
LOG_LINES_SHOWN = 15
PARENT = "PENSTOCK_PARENT"
"""Variable that names the process with which a cloud ends; one that a person starts outlives everybody."""
CHECKOUT = Path(__file__).resolve().parents[2]

ApproveMode = Literal["ask", "auto"]
IamMode = Literal["enforce", "audit"]
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class CloudLocation:
    """Where one local cloud lives: a home folder for all that it writes, and a port."""

    home: Path
    port: int

    @property
    def folder(self) -> Path:
        """The emulator's own files: state, objects, builds."""
        return self.home / "cloud"

    @property
    def root_secret(self) -> Path:
        """Holds what the roots of the local accounts sign with; for this user's eyes alone."""
        return self.folder / "root-secret"

    @property
    def state_file(self) -> Path:
        """Describes the cloud that runs."""
        return self.home / "cloud.json"

    @property
    def origin(self) -> Path:
        """The local git origin, a bare repository."""
        return self.home / "origin.git"

    @property
    def log(self) -> Path:
        """What the emulator and its services print."""
        return self.home / "cloud.log"


def default_place(environment: Mapping[str, str], checkout: Path = CHECKOUT) -> CloudLocation:
    """The checkout's own local cloud; PENSTOCK_PORT moves it."""
    wanted = environment.get("PENSTOCK_PORT", str(DEFAULT_PORT))
    if not wanted.isdecimal() or not 1024 <= int(wanted) <= LAST_PORT:
        raise LocalCloudError(f"PENSTOCK_PORT is {wanted!r}, but a port is a number from 1024 to {LAST_PORT}.")
    return CloudLocation(home=checkout / ".penstock", port=int(wanted))


@dataclass(frozen=True, kw_only=True)
class LocalCloud:
    """A running local cloud."""

    place: CloudLocation
    supervisor: Process
    """The process that the emulator runs under: it ends last, and with it everything that the cloud started."""
    approve: ApproveMode
    version: str
    """Which code it was started from."""
    iam: IamMode = "enforce"
    """Whether IAM denies, or only notes what it would deny."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self.place.port

    @property
    def endpoint(self) -> str:
        """The URL of every AWS API of this cloud."""
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def root_secret(self) -> str:
        """What the root of each account signs with, whose access key is the account: a person's own commands."""
        try:
            return self.place.root_secret.read_text(encoding="ascii")
        except OSError as error:
            raise LocalCloudError(
                f"The local cloud's secret cannot be read: {error}. `make up` starts a cloud that has one."
            ) from error

    @property
    def emulator_pid(self) -> int:
        """The emulator's own process, for the tests that kill it."""
        return int((self.place.folder / "emulator.pid").read_text(encoding="ascii"))

    @property
    def is_current(self) -> bool:
        """Whether it was started from the code that is there now; stop and start it to bring it up to date."""
        return self.version == code_version()

    @property
    def is_running(self) -> bool:
        """Whether it still does."""
        return self.supervisor.is_running

    def save(self) -> None:
        """Have the whole state saved now; returns once it is safe on disk."""
        failure = failure_to_save(self.port)
        if failure is not None:
            raise LocalCloudError(
                f"The local cloud could not save its state: {failure}. What it saved before is kept. "
                f"Free some space in {self.place.home}; it tries again by itself."
            )

    def client(self, service: str, account: str = "111111111111", region: str = "us-east-1") -> Any:
        """A boto3 client that can reach nothing else: no profile, configuration file or proxy has a say in it."""
        return self._clients.get(service, account, region)

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self.endpoint, self.root_secret)


def find(place: CloudLocation) -> LocalCloud | None:
    """The cloud that runs in this place. A description that a dead cloud left behind, or that is torn, counts for none.

    A process is the one described only if it also started at the moment described: numbers are given out again.
    """
    try:
        described = json.loads(place.state_file.read_text(encoding="utf-8"))
        cloud = LocalCloud(
            place=CloudLocation(home=place.home, port=int(described["port"])),
            supervisor=Process(pid=int(described["pid"]), started=str(described["started"])),
            approve="auto" if described["approve"] == "auto" else "ask",
            version=str(described["version"]),
            iam="audit" if described.get("iam") == "audit" else "enforce",
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return cloud if cloud.is_running else None


def start(
    place: CloudLocation,
    *,
    environment: Mapping[str, str],
    python: Path = CHECKOUT / ".venv/emulator/bin/python",
    approve: ApproveMode = "ask",
    iam: IamMode = "enforce",
    without: tuple[str, ...] = (),
    progress: Progress = lambda _line: None,
) -> LocalCloud:
    """The running cloud of this place, started unless it runs; returns once it answers.

    `without` leaves services out, to show that their contract tests notice.
    """
    try:
        return _start(place, environment, python, approve, iam, without, progress)
    except OSError as error:
        raise LocalCloudError(f"The local cloud cannot use {place.home}: {error.strerror or error}.") from error


def _start(
    place: CloudLocation,
    environment: Mapping[str, str],
    python: Path,
    approve: ApproveMode,
    iam: IamMode,
    without: tuple[str, ...],
    progress: Progress,
) -> LocalCloud:
    place.folder.mkdir(parents=True, exist_ok=True)
    with _alone(place, progress):
        running = find(place)
        if running is not None:
            if _answers(running):
                return running
            progress("The local cloud does not answer: starting it again")
            stop(place)
        if not is_free(place.port):
            raise LocalCloudError(_port_in_use(place.port))
        if not python.exists():
            raise LocalCloudError(f"{python} is missing: `make setup` installs the local cloud.")
        progress(f"Starting the local cloud on 127.0.0.1:{place.port}")
        cloud = _launch(place, environment=environment, python=python, approve=approve, iam=iam, without=without)
        _await_health(cloud)
        return cloud


def _launch(
    place: CloudLocation,
    *,
    environment: Mapping[str, str],
    python: Path,
    approve: ApproveMode,
    iam: IamMode,
    without: tuple[str, ...],
) -> LocalCloud:
    _make_root_secret(place.root_secret)
    command = [str(python), "-m", PROGRAM, "--detach", "--port", str(place.port), FOLDER, str(place.folder)]
    command += ["--root-secret", str(place.root_secret)]
    for name in without:
        command += ["--without", name]
    if parent := environment.get(PARENT):
        command += ["--parent", parent]
    if place.log.exists():
        place.log.replace(place.log.with_suffix(".before.log"))  # what it was restarted for may stand there
    with place.log.open("wb") as log:
        launched = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=for_the_cloud(environment, place.folder) | {"PENSTOCK_APPROVE": approve, "PENSTOCK_IAM": iam},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            check=False,
            text=True,
        )
    supervisor = process(int(launched.stdout)) if launched.returncode == 0 else None
    if supervisor is None:
        raise LocalCloudError(f"The local cloud did not start. {_log_end(place)}")
    cloud = LocalCloud(place=place, supervisor=supervisor, approve=approve, version=code_version(), iam=iam)
    described = {
        "port": place.port,
        "pid": supervisor.pid,
        "started": supervisor.started,
        "approve": approve,
        "version": cloud.version,
        "iam": iam,
    }
    written = place.state_file.with_suffix(".new")
    written.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    written.replace(place.state_file)
    return cloud


def _make_root_secret(file: Path) -> None:
    """Make the secret of a new cloud; it is kept until the cloud is erased."""
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
            made.write(secrets.token_hex(20))


def _await_health(cloud: LocalCloud) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(cloud.port):
        if not cloud.is_running:
            cloud.place.state_file.unlink(missing_ok=True)
            raise LocalCloudError(f"The local cloud ended while it started. {_log_end(cloud.place)}")
        if time.monotonic() > deadline:
            stop(cloud.place)
            raise LocalCloudError(
                f"The local cloud did not answer within {START_SECONDS:.0f} s and was stopped. {_log_end(cloud.place)}"
            )
        time.sleep(POLL_SECONDS)


def _answers(cloud: LocalCloud) -> bool:
    """Tell whether a running cloud answers: one whose emulator was killed has a supervisor for a moment more."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while cloud.is_running and time.monotonic() < deadline:
        if is_healthy(cloud.port):
            return True
        time.sleep(POLL_SECONDS)
    return False


def stop(place: CloudLocation) -> bool:
    """Stop the cloud, which saves its state, and wait until all its processes are gone; False if none ran."""
    cloud = find(place)
    if cloud is None:
        place.state_file.unlink(missing_ok=True)
        return False
    send(cloud.supervisor, signal.SIGTERM)
    if not _ended(cloud.supervisor, STOP_SECONDS):
        for child in children_of(cloud.supervisor):  # the emulator; the supervisor then clears up
            send(child, signal.SIGKILL)
        if not _ended(cloud.supervisor, STOP_SECONDS):
            send(cloud.supervisor, signal.SIGKILL)
            _ended(cloud.supervisor, STOP_SECONDS)
    place.state_file.unlink(missing_ok=True)
    return True


def _ended(target: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while target.is_running:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def erase(place: CloudLocation) -> None:
    """Stop the cloud and forget all that it held, the local origin too: what it has is what the cloud was told."""
    stop(place)
    for folder in (place.folder, place.origin):
        if folder.exists():
            shutil.rmtree(folder)
    place.log.unlink(missing_ok=True)


@contextmanager
def _alone(place: CloudLocation, progress: Progress) -> Iterator[None]:
    """Two `make up` at once start one cloud: the second waits, and finds it running."""
    with (place.home / "cloud.lock").open("w", encoding="ascii") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            progress("Waiting for another command that is starting the local cloud")
            flock(lock, LOCK_EX)
        yield


def _port_in_use(port: int) -> str:
    holder = holder_of(port)
    by_whom = f"by {holder.name} (process {holder.pid})" if holder else "by a process that this user may not see"
    stop_it = "Stop that"
    if holder and PROGRAM in holder.command and FOLDER in holder.command:
        clone = Path(holder.command[holder.command.index(FOLDER) + 1]).parents[1]
        by_whom, stop_it = f"by the local cloud of {clone}", f"Run `penstock down` in {clone}"
    return (
        f"Port {port} of 127.0.0.1, where the local cloud should listen, is in use {by_whom}. "
        f"{stop_it}, or choose another port: PENSTOCK_PORT={_next_free(port)} make up"
    )


def _next_free(port: int) -> int:
    return next((each for each in range(port + 1, LAST_PORT + 1) if is_free(each)), free_port())


def _log_end(place: CloudLocation) -> str:
    lines = place.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"Its log, {place.log}, ends with:", *lines[-LOG_LINES_SHOWN:]])
