"""A web application on a port of this machine, until a signal ends it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from linnaeus.contracts.errors import ConfigurationError

# Longer than clients' pools keep an idle connection, so that it is they who close it and not we under a request.
_KEEP_ALIVE = 75  # seconds
_LAST_ANSWERS = 10  # seconds for what is being answered when the service is ended


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigurationError where that is not to be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise ConfigurationError(f"serving.host={host}, serving.port={port}: can't listen there: {error}") from error
    # What connects inherits it. Without it an answer's body waits for the client to acknowledge the headers: 40 ms.
    # asyncio sets it on sockets that it has made itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address_of(listening: socket.socket) -> str:
    """The address as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Any, listening: socket.socket, ready: Callable[[], None]) -> int:
    """Answer until SIGINT or SIGTERM, and return how many requests there were; `ready` is called when it begins.

    Requests under way at the end are answered.
    """
    settings = uvicorn.Config(
        app,
        access_log=False,  # its lines would hold ids of creators
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    server = _Server(settings, ready)
    server.run(sockets=[listening])
    return server.server_state.total_requests


class _Server(uvicorn.Server):
    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's own, but that the signal is not raised once more at the end: the command ends by its status."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
