"""One execution environment of a function: a process of its own that sees the package, its layers and nothing else."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
WORKER = Path(__file__).with_name("worker.py")
INIT_SECONDS = 60.0
"""AWS gives the init phase 10 seconds; this machine may be slower, and is shared by everything that runs here."""
END = b"\0"
"""Begins the line in the log pipe that separates one invocation's output from the next."""


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One call of a handler."""

    id: str
    event: Any
    function_arn: str
    variables: Mapping[str, str | None]
    """Variables that differ from call to call, such as the trace id; None takes one away."""


@dataclass(frozen=True, kw_only=True)
class InvocationOutcome:
    """What a call came to: the result as JSON text, or the error as the caller gets it; and the log."""

    result: str = "null"
    error: Json | None = None
    log: str = ""


class Sandbox:
    """A warm worker. It serves one call at a time; after a timeout or a crash it is dead, and another must be made."""

    def __init__(
        self, *, path: list[str], handler: str, variables: Mapping[str, str], folder: Path, log: str = ""
    ) -> None:
        """`log`: what others write before the function's code is loaded."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.used = time.monotonic()
        self.is_new = True
        self._start_error: Json | None = None
        child_requests, self._requests = os.pipe()
        self._answers, child_answers = os.pipe()
        # -I and -S: neither the emulator's site-packages nor the user's are importable, only the standard library.
        command = [sys.executable, "-I", "-S", "-X", "utf8", str(WORKER), str(child_requests), str(child_answers)]
        self.process = subprocess.Popen(
            command,
            cwd=path[0],
            # Lambda sets neither of the two: here they keep a handler out of the user's files, and give it a /tmp.
            env={**variables, "HOME": str(self.folder), "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(child_requests, child_answers),
            start_new_session=True,
        )
        os.close(child_requests)
        os.close(child_answers)
        self._log_bytes = f"{log}\n".encode() if log else b""
        self._answer_bytes = b""
        self._send({"path": path, "handler": handler})

    @property
    def alive(self) -> bool:
        """Whether another call can be made."""
        return self._start_error is None and self.process.poll() is None and not self._is_dying()

    def start(self) -> InvocationOutcome:
        """Wait until the handler is loaded."""
        outcome = self._receive("start", seconds=INIT_SECONDS, request_id="", what="init")
        self.is_new = False
        self._start_error = outcome.error
        return outcome

    def invoke(self, call: Invocation, *, seconds: float) -> InvocationOutcome:
        """Run the handler once, for at most so many seconds."""
        self.used = time.monotonic()
        self._send(
            {
                "id": call.id,
                "event": call.event,
                "arn": call.function_arn,
                "variables": dict(call.variables),
                "deadline": time.time() + seconds,
            }
        )
        outcome = self._receive(call.id, seconds=seconds, request_id=call.id, what="Task")
        self.used = time.monotonic()
        return outcome

    def close(self) -> None:
        """End the process, and everything that it started."""
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self._requests, self._answers):
            os.close(pipe)
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_dying(self) -> bool:
        """Tell whether it was killed and cannot be waited for yet: other threads of it are still on their way out."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] in {"Z", "X"}

    def _send(self, message: Json) -> None:
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._requests, data) :]
        except BrokenPipeError:
            return  # it died; waiting for the answer finds out how

    def _receive(self, mark: str, *, seconds: float, request_id: str, what: str) -> InvocationOutcome:
        """Read log and answer until both are complete, the process is gone or time is up."""
        end = END + mark.encode() + b"\n"
        deadline = time.monotonic() + seconds
        assert self.process.stdout is not None  # noqa: S101 - opened as a pipe above
        log_pipe = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(log_pipe, selectors.EVENT_READ)
            selector.register(self._answers, selectors.EVENT_READ)
            ended = False
            while not (end in self._log_bytes and b"\n" in self._answer_bytes):
                # A process that the handler left behind may hold the log open: only what is there already is read.
                ready = selector.select(0 if ended else max(0.0, deadline - time.monotonic()))
                if ended and not ready:
                    return self._crashed(request_id)
                if not ready:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait()
                    message = f"RequestId: {request_id} Error: {what} timed out after {seconds:.2f} seconds"
                    return self._failed("Sandbox.Timedout", message)
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fd)
                        ended = ended or key.fd == self._answers
                    elif key.fd == log_pipe:
                        self._log_bytes += data
                    else:
                        self._answer_bytes += data
        log, _, self._log_bytes = self._log_bytes.partition(end)
        line, _, self._answer_bytes = self._answer_bytes.partition(b"\n")
        answer = json.loads(line)
        return InvocationOutcome(result=answer.get("result", "null"), error=answer.get("error"), log=_text(log))

    def _crashed(self, request_id: str) -> InvocationOutcome:
        status = self.process.wait()
        reason = f"signal: {str(signal.strsignal(-status)).lower()}" if status < 0 else f"exit status {status}"
        return self._failed("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {reason}")

    def _failed(self, error_type: str, message: str) -> InvocationOutcome:
        log, self._log_bytes = self._log_bytes, b""
        error = {"errorType": error_type, "errorMessage": message}
        return InvocationOutcome(error=error, log=f"{_text(log)}\n{message}".lstrip("\n"))


def _text(log: bytes) -> str:
    return log.decode(errors="replace").rstrip("\n")
