"""Headless Chromium, driven over the DevTools protocol through a pipe: no driver, no port, no package.

https://chromedevtools.github.io/devtools-protocol/
"""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # it runs as root in continuous integration
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


def executable() -> str | None:
    """Where Chromium is, if it is."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


class Tab:
    """One page, and everything that it asked for or complained about."""

    def __init__(self, to: BinaryIO, from_: BinaryIO) -> None:
        self._to, self._from = to, from_
        self._numbers = itertools.count(1)
        self._session = ""
        self._seen: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, and its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a file, as it looks on a screen of that size."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._seen.clear()
        self.call("Page.navigate", url=file.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._seen):
            self._read()

    def run(self, expression: str) -> Any:
        """What an expression of JavaScript is in the page, or what it promises."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def choose(self, control: str, value: str) -> None:
        """What a person does who chooses from a list."""
        self.run(
            f"(() => {{ const list = document.getElementById({control!r}); list.value = {json.dumps(value)};"
            " list.dispatchEvent(new Event('change')); })()"
        )

    def complaints(self) -> list[str]:
        """Everything in the page's console, and every dialog."""
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
        return [json.dumps(event["params"]) for event in self._seen if event["method"] in said]

    def requests(self) -> list[str]:
        """The address of everything that was asked for."""
        sent = [event["params"] for event in self._seen if event["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]

    def _read(self) -> dict[str, Any]:
        text = b""
        while not text.endswith(b"\0"):
            byte = self._from.read(1)
            if not byte:
                raise EOFError("Chromium ended")
            text += byte
        message: dict[str, Any] = json.loads(text[:-1])
        if "method" in message:
            self._seen.append(message)
        return message


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """A browser with an empty profile."""
    program = executable()
    assert program, "ask executable() first"
    read_by_browser, to = os.pipe()
    from_, written_by_browser = os.pipe()
    command = [program, *OPTIONS, f"--user-data-dir={profile}"]
    # The protocol's pipe is file descriptors 3 and 4.
    redirected = f'exec "$@" 3<&{read_by_browser} 4>&{written_by_browser}'
    process = subprocess.Popen(
        ["bash", "-c", redirected, "bash", *command],
        pass_fds=(read_by_browser, written_by_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_by_browser)
    os.close(written_by_browser)
    with os.fdopen(to, "wb") as writing, os.fdopen(from_, "rb") as reading:
        try:
            yield Tab(writing, reading)
        finally:
            process.kill()
            process.wait()
