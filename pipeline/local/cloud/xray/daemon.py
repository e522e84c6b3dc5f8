"""The daemon beside functions that takes their segments.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
"""

import socket
import threading

from pipeline.local.cloud.xray.api import Spans


def start(spans: Spans) -> str:
    """Listen on a free port of loopback, on a thread of its own; return the address."""
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind(("127.0.0.1", 0))
    threading.Thread(target=_receive, args=(daemon, spans), name="xray", daemon=True).start()
    return f"127.0.0.1:{daemon.getsockname()[1]}"


def _receive(daemon: socket.socket, spans: Spans) -> None:
    while True:
        _, _, document = daemon.recv(65_536).decode(errors="replace").partition("\n")
        spans.take(document)
