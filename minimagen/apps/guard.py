"""What stands before every request: who may ask, from where, and how much may be sent.

An ASGI layer of its own, because sizes must be counted while they are read: a body may come in
pieces and without a length.
"""

import base64
import binascii
import gc
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
OPEN = ("/health", "/ready")  # what a supervisor asks; they say nothing that is secret
SAFE = ("GET", "HEAD", "OPTIONS")
MAX_BODY = 25_000_000  # bytes of one request
MAX_BODIES = 100_000_000  # bytes of all requests being read or answered at once
LINK_S = 3600  # how long a link to a picture is good
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]


class Guard:
    """Refuses what must not reach the application.

    Args:
        app: what is guarded.
        token: what a client must show, as a bearer token or as the password of basic
            authentication; None lets everybody in, for a server that only this machine reaches.
        hosts: names that a request may be for; None is any. A web page elsewhere cannot choose
            them, so a server without a token is safe from pages that rebind their names to it.
        max_body: bytes that one request may send.
        max_bodies: bytes that all requests together may have sent while they are dealt with.

    Attributes:
        answered: how many requests were answered, by status.
    """

    def __init__(
        self,
        app: App,
        token: str | None = None,
        hosts: Collection[str] | None = LOOPBACK,
        *,
        max_body: int = MAX_BODY,
        max_bodies: int = MAX_BODIES,
    ) -> None:
        self.app, self.token, self.hosts = app, token, hosts
        self.max_body, self.max_bodies = max_body, max_bodies
        self.answered: Counter[int] = Counter()
        self._held = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, self._counting(send))

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        body = _Body(self, receive, send)
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            if body.refusal is None:  # else the application met a request that was cut off
                raise
        finally:
            self._held -= body.size
        await body.finish()
        if body.refusal is not None:
            # What was read of it hangs in a cycle: FastAPI's frame names the error that it raises
            # of a body that is cut off, the error has the frame, and below are the pieces.
            gc.collect(1)  # the young ones: that takes a moment, where all of them would stall

    def _refusal(
        self, scope: MutableMapping[str, Any], headers: dict[bytes, str]
    ) -> tuple[int, str] | None:
        """Return status and sentence when a request is refused by what is known before its body."""
        host = headers.get(b"host", "")
        if self.hosts is not None and _without_port(host).lower() not in self.hosts:
            return 403, "this server is not asked for by that name; use the address it printed"
        origin = headers.get(b"origin")
        if origin is not None and scope["method"] not in SAFE and urlsplit(origin).netloc != host:
            return 403, "pages of other sites may not send anything here"
        if not self._may_enter(scope, headers.get(b"authorization", "")):
            return 401, "no token, or a wrong one; send it as 'Authorization: Bearer TOKEN'"
        length = headers.get(b"content-length", "0")
        if length.isdigit() and int(length) > self.max_body:
            return 413, self._too_large
        return None

    @property
    def _too_large(self) -> str:
        return f"too large; send at most {self.max_body // 10**6} MB"

    def _may_enter(self, scope: MutableMapping[str, Any], authorization: str) -> bool:
        if self.token is None or scope["path"] in OPEN:
            return True
        shown = _token_of(authorization)
        if shown is not None:
            return hmac.compare_digest(shown.encode(), self.token.encode())
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return self._is_signed(scope["path"], query)

    def signed(self, path: str) -> str:
        """Return a path with what lets a browser or a program open it for a while, unasked."""
        if self.token is None:
            return path
        expires = int(time.time()) + LINK_S
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def _is_signed(self, path: str, query: dict[str, list[str]]) -> bool:
        expires, signature = (query.get(name, [""])[0] for name in ("expires", "signature"))
        if not expires.isdigit() or len(expires) > 12 or int(expires) < time.time():
            return False
        expected = self._signature(path, int(expires))
        return hmac.compare_digest(signature.encode(), expected.encode())

    def _signature(self, path: str, expires: int) -> str:
        key = hashlib.sha256(f"links of {self.token}".encode()).digest()
        return hmac.new(key, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()

    def hold(self, count: int) -> bool:
        """Count bytes that were read; returns whether there was room for them."""
        self._held += count
        return self._held <= self.max_bodies

    def _counting(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered[message["status"]] += 1
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        return counted


class _Body:
    """One request's body on its way in, counted; what is too much becomes the answer."""

    def __init__(self, guard: Guard, receive: Receive, send: Send) -> None:
        self._guard, self._receive, self._send = guard, receive, send
        self.size, self._is_answered = 0, False
        self.refusal: tuple[int, str] | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        count = len(message.get("body", b""))
        self.size += count
        has_room = self._guard.hold(count)
        if self.size > self._guard.max_body:
            self.refusal = 413, self._guard._too_large
        elif not has_room:
            self.refusal = 503, "too much is being sent at once; try again in a moment"
        return message if self.refusal is None else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.refusal is None or self._is_answered:
            self._is_answered = True
            await self._send(message)

    async def finish(self) -> None:
        if self.refusal is not None and not self._is_answered:
            await _refuse(self._send, *self.refusal)


async def _refuse(send: Send, status: int, message: str) -> None:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="minimagen", charset="UTF-8"'))
    if status == 503:
        headers.append((b"retry-after", b"5"))
    # The connection stays: what is still to come is thrown away, so that the client hears this.
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _token_of(authorization: str) -> str | None:
    """Return the token that a header shows; None when it shows none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return None


def _without_port(host: str) -> str:
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
