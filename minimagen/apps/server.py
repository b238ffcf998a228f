"""One process, one port: the application behind a socket, and how it ends.

The first signal drains: no job is taken any more, those that are there are finished and answered,
as long as patience lasts. A second one leaves at once.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

import uvicorn

from minimagen.apps.connections import PatientProtocol
from minimagen.apps.guard import LOOPBACK, App
from minimagen.apps.studio import Studio
from minimagen.errors import UsageError
from minimagen.training.signals import StoppedError, Stopper

LOOK_S = 0.1  # between two looks whether a signal came
ANSWER_S = 5  # for the last answers to go out
MAX_CONNECTIONS = 256
MIN_TOKEN = 16  # characters


def require_token(host: str, token: str | None) -> None:
    """Refuse to serve other machines without a token, or with one that can be guessed.

    Raises:
        UsageError: saying how to make one.
    """
    how = "python -c 'import secrets; print(secrets.token_urlsafe())' makes one"
    if token is None and not is_loopback(host):
        raise UsageError(
            f"--HOST {host}: other machines can reach that, so a --TOKEN is needed; {how}"
        )
    if token is not None and (len(token) < MIN_TOKEN or not token.isascii()):
        raise UsageError(f"--TOKEN: give at least {MIN_TOKEN} letters and digits; {how}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host in (*LOOPBACK, "::1")


def listen(host: str, port: int) -> socket.socket:
    """Take a port before anything slow is done.

    Args:
        host: an address or a name of this machine.
        port: 0 takes any that is free.

    Raises:
        UsageError: when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=128)
    except OSError as error:  # a name that is not known has a negative number
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else "no such address"
        raise UsageError(
            f"--HOST {host} --PORT {port}: cannot be listened on ({reason}); choose others"
        ) from None


def address_of(taken: socket.socket) -> str:
    """Return the URL of a socket."""
    host, port = taken.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(app: App, studio: Studio, taken: socket.socket, patience_s: float) -> None:
    """Serve until a signal comes, then drain.

    Args:
        app: what is served.
        studio: whose jobs are finished first; it is closed.
        taken: listens already.
        patience_s: for the jobs that are there to be finished.

    Raises:
        StoppedError: with the signal's exit code.
    """
    with Stopper() as stopper:
        try:
            asyncio.run(_serve(Server(app), studio, taken, stopper, patience_s))
        finally:
            studio.close()
    if stopper.name is not None:
        raise StoppedError(stopper.name, f"stopped by {stopper.name}; what was finished is kept")


class Server(uvicorn.Server):
    """uvicorn as it is used here.

    Args:
        app: what is served.
    """

    def __init__(self, app: App) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",
                access_log=False,  # addresses hold signatures
                log_level="warning",
                proxy_headers=False,  # anybody could write them
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=ANSWER_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the :class:`Stopper`."""
        yield


async def _serve(
    server: Server, studio: Studio, taken: socket.socket, stopper: Stopper, patience_s: float
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    while stopper.name is None and not serving.done():
        await asyncio.sleep(LOOK_S)
    await asyncio.to_thread(studio.close, patience_s)
    await asyncio.sleep(LOOK_S)  # for those who wait to see that their jobs are over
    server.should_exit = True
    await serving
