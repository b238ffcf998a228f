"""Connections that do not wait for ever: a client must send and take what it asked for in time."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 30.0  # for a whole request to arrive
TAKING_S = 60.0  # for a client that has stopped taking an answer
LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"
    b"content-type: text/plain\r\ncontent-length: 27\r\n\r\nthe request came too slowly"
)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience.

    A request must be here whole ``request_s`` after its first byte, or after the connection was
    made; what is read must be taken within ``taking_s`` of the buffers being full. uvicorn itself
    only closes connections that are idle between two requests.
    """

    request_s, taking_s = REQUEST_S, TAKING_S

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._arriving = self.loop.call_later(self.request_s, self._come_late)

    def data_received(self, data: bytes) -> None:
        """Start the clock for a request at its first byte; stop it at its last."""
        if self._arriving is None:
            self._arriving = self.loop.call_later(self.request_s, self._come_late)
        super().data_received(data)
        if self._is_whole():
            self._arriving = self._stop(self._arriving)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._arriving, self._taking = self._stop(self._arriving), self._stop(self._taking)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the clock for the client to take what is there."""
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(self.taking_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop it."""
        self._taking = self._stop(self._taking)
        super().resume_writing()

    def _is_whole(self) -> bool:
        return (
            self.cycle is not None
            and self.conn.their_state is not h11.SEND_BODY
            and (self.conn.their_state is not h11.IDLE)
        )

    def _come_late(self) -> None:
        self._arriving = None
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(LATE)
        self.transport.close()

    def _stop(self, timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
        if timer is not None:
            timer.cancel()
        return None
