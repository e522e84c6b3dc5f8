"""The emulator's web server: loopback only, and no command line but ours."""

import asyncio
import resource

import ministack.app as ministack_app
from hypercorn.asyncio import serve as serve_asgi
from hypercorn.config import Config

from pipeline.local.cloud.emulator import Emulator

KEEP_ALIVE_SECONDS = 75


def serve(emulator: Emulator) -> None:
    """Answer requests until SIGTERM. (The emulator's own `main` reads sys.argv and leaves a pid file behind.)"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    config = Config()
    config.bind = [f"127.0.0.1:{emulator.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    asyncio.run(serve_asgi(ministack_app.app, config))
