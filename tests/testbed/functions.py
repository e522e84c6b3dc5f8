"""Makes functions in a local cloud, and calls them."""

import io
import json
import textwrap
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.roles import role

ACCOUNT = "111111111111"
REGION = "us-east-1"

Answer = tuple[Any, dict[str, Any]]
"""What Invoke answered: the payload, and the rest."""


def with_boto3() -> dict[str, str]:
    """The file by which a package finds boto3 and what else the runtime code of services has."""
    prepared = (Path(__file__).parents[2] / ".venv/functions").resolve()
    return {"requirements.lock.txt": (prepared / "runtime.txt").read_text()}


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


class Functions:
    """Makes functions in one cloud and calls them."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.lambda_ = cloud.client("lambda", ACCOUNT, REGION)
        self.role = role(cloud, "worker", "lambda.amazonaws.com")

    def make(self, code: str | Mapping[str, str] | bytes, handler: str = "app.handle", **settings: Any) -> str:
        files = {"app.py": code} if isinstance(code, str) else code
        content = files if isinstance(files, bytes) else zipped(files)
        name = f"f-{uuid.uuid4().hex[:12]}"
        chosen: dict[str, Any] = {"Runtime": "python3.14", "Timeout": 20, "Role": self.role, **settings}
        self.lambda_.create_function(FunctionName=name, Handler=handler, Code={"ZipFile": content}, **chosen)
        return name

    def permit(self, name: str, service: str) -> None:
        """Let a service invoke a function."""
        self.lambda_.add_permission(
            FunctionName=name, StatementId=service.partition(".")[0], Action="lambda:InvokeFunction", Principal=service
        )

    def call(self, name: str, event: Any = None) -> Answer:
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
        return json.loads(answer["Payload"].read()), dict(answer)

    def run(self, code: str | Mapping[str, str] | bytes, event: Any = None, **settings: Any) -> Answer:
        return self.call(self.make(code, **settings), event)


def until(read: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not done(found := read()):
        assert time.monotonic() < deadline, f"still {found}"
        pause.wait(0.02)
    return found
