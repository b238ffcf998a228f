"""What must not come in: through a real socket, byte by byte where that matters."""

import asyncio
import gc
import json
import socket
import time
import weakref
from collections.abc import Callable, Iterator

import httpx
import pytest

from minimagen.apps.connections import PatientProtocol
from minimagen.apps.guard import MAX_BODY, Guard, Message, Receive, Send
from minimagen.apps.server import require_token
from minimagen.apps.studio import Studio
from minimagen.errors import UsageError
from tests.apps.conftest import LONGEST_S, Served, serving

TOKEN = "a token of enough letters"
PIECE = bytes(100_000)
PATHS = ["/v1/images/generations", "/v1/images/edits", "/v1/jobs", "/nowhere"]


def sent(served: Served, *parts: bytes) -> bytes:
    """Send bytes as they are; returns the first answer."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=LONGEST_S) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while not answer.endswith(b"}"):
            received = connection.recv(65536)
            assert received, "closed without an answer"
            answer += received
        return answer


def head(served: Served, path: str, *lines: str) -> bytes:
    host = f"Host: 127.0.0.1:{served.port}"
    return "\r\n".join([f"POST {path} HTTP/1.1", host, *lines, "", ""]).encode()


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_says_it_is_too_large_is_413_before_it_is_read(
    served: Served, path: str
) -> None:
    answer = sent(served, head(served, path, "Content-Length: 30000000"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"too large; send at most 25 MB" in answer


@pytest.mark.parametrize("path", PATHS[:3])
def test_a_body_in_pieces_without_a_length_is_413_as_soon_as_it_is_too_large(
    served: Served, path: str
) -> None:
    """It would be a hundred times larger; hearing the answer means that it was cut off."""
    served.guard.max_body = 1_000_000

    def pieces() -> Iterator[bytes]:
        for _ in range(1000):
            yield f"{len(PIECE):x}\r\n".encode() + PIECE + b"\r\n"

    kind = "multipart/form-data; boundary=x" if path.endswith("edits") else "application/json"
    first = head(served, path, "Transfer-Encoding: chunked", f"Content-Type: {kind}")
    start = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    form = f"{len(start):x}\r\n".encode() + start + b"\r\n" if path.endswith("edits") else b""
    answer = sent(served, first + form, *pieces())
    assert answer.startswith(b"HTTP/1.1 413")


def test_after_all_that_the_next_request_is_served_and_no_bytes_are_held(
    served: Served, client: httpx.Client
) -> None:
    assert client.post("/v1/jobs", content=b" " * (MAX_BODY + 1)).status_code == 413
    served.guard.max_body = 100_000
    for _ in range(3):
        assert client.post("/v1/jobs", content=iter([PIECE] * 3)).status_code == 413
    assert client.get("/health").status_code == 200
    assert served.guard._held == 0


def test_what_was_read_of_a_refused_body_does_not_wait_for_a_collector_of_cycles() -> None:
    """An application that hangs it in one, as errors and frames do: it is gone with the answer."""
    held: list[weakref.ref[bytearray]] = []

    class Read(bytearray):
        own: object = None

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        read = Read()
        read.own = read
        held.append(weakref.ref(read))
        while (message := await receive())["type"] != "http.disconnect":
            read += message["body"]

    async def receive() -> Message:
        return {"type": "http.request", "body": PIECE, "more_body": True}

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost")]}
    gc.disable()
    try:
        asyncio.run(Guard(app, max_body=300_000)(scope, receive, send))  # type: ignore[arg-type]
        assert [one() for one in held] == [None]
    finally:
        gc.enable()


def test_all_bodies_together_are_bounded_too(served: Served) -> None:
    """Two clients that have sent most of what may be sent leave no room for a third."""
    served.guard.max_bodies = 300_000
    holding = head(served, "/v1/jobs", "Content-Length: 200000")
    with (
        socket.create_connection(("127.0.0.1", served.port)) as one,
        socket.create_connection(("127.0.0.1", served.port)) as two,
        served.client() as client,
    ):
        for connection in (one, two):
            connection.sendall(holding + PIECE)
        deadline = time.monotonic() + LONGEST_S
        while served.guard._held < 200_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        answer = client.post("/v1/jobs", content=b" " * 150_000)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),  # a name rebound to this address
        ({"host": "127.0.0.1.evil.example:80"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "localhost", "origin": "http://localhost"}, 422),
        ({}, 422),
    ],
)
def test_pages_of_other_sites_can_send_nothing(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    assert client.post("/v1/jobs", json={}, headers=headers).status_code == status


WRONG_TOKENS = ["Bearer wrong", f"Bearer {TOKEN[:-1]}", "Bearer", "Basic ???", "Basic w7w=", TOKEN]


def test_with_a_token_nothing_but_supervision_answers_without_it(studio: Studio) -> None:
    with serving(studio, token=TOKEN) as served, served.client() as client:
        for path in ("/v1/models", "/v1/jobs", "/metrics", "/openapi.json", "/", "/nowhere"):
            assert client.get(path).status_code == 401
        for wrong in WRONG_TOKENS:
            headers = {"authorization": wrong}
            assert client.get("/v1/models", headers=headers).status_code == 401
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        right = {"authorization": f"Bearer {TOKEN}"}
        assert client.get("/v1/models", headers=right).status_code == 200
        assert client.get("/v1/models", auth=("anybody", TOKEN)).status_code == 200


def test_no_answer_can_be_framed_or_taken_for_another_kind(client: httpx.Client) -> None:
    for path in ("/health", "/nowhere", "/v1/models"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", None, "other machines can reach that, so a --TOKEN is needed"),
        ("::", None, "a --TOKEN is needed"),
        ("192.168.1.2", None, "a --TOKEN is needed"),
        ("127.0.0.1", "short", "at least 16"),
        ("0.0.0.0", "ü" * 20, "letters and digits"),
    ],
)
def test_other_machines_need_a_token_that_cannot_be_guessed(
    host: str, token: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        require_token(host, token)
    require_token("127.0.0.1", None)
    require_token(host, TOKEN)


SLOW: dict[str, Callable[[Served], list[bytes]]] = {
    "no byte": lambda served: [],
    "a header byte by byte": lambda served: [b"G", b"E", b"T", b" /"],
    "half a header": lambda served: [head(served, "/v1/jobs")[:-2]],
    "half a body": lambda served: [head(served, "/v1/jobs", "Content-Length: 100") + b"{"],
}


@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW)
def test_a_request_that_comes_too_slowly_is_408(
    served: Served, parts: Callable[[Served], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "request_s", 0.5)
    with socket.create_connection(("127.0.0.1", served.port), timeout=LONGEST_S) as connection:
        for part in parts(served):
            connection.sendall(part)
            time.sleep(0.05)
        answer = b""
        while received := connection.recv(4096):
            answer += received
    assert answer.startswith(b"HTTP/1.1 408")
    with served.client() as client:
        assert client.get("/health").status_code == 200


def test_many_that_are_slow_keep_nobody_out(served: Served) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(head(served, "/v1/jobs", "Content-Length: 9")[:-4])
    with served.client() as client:
        assert client.get("/health").status_code == 200
    for connection in slow:
        connection.close()


def test_a_client_may_wait_long_for_an_answer_that_takes_long(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience ends for requests that do not come, not for those that are being worked on."""
    monkeypatch.setattr(PatientProtocol, "request_s", 0.1)
    body = {"prompt": "red", "steps": 40}
    with served.client() as client:
        began = time.monotonic()
        answer = client.post("/v1/images/generations", json=body)
        assert answer.status_code == 200
        assert time.monotonic() - began > 0.1
        time.sleep(0.3)
        assert client.get("/health").status_code == 200


def test_a_client_that_takes_nothing_is_cut_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are larger than what the system keeps for it."""
    monkeypatch.setattr(PatientProtocol, "taking_s", 0.3)
    ask = f"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=LONGEST_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(ask * 200_000)


def test_errors_say_nothing_of_what_was_sent(client: httpx.Client) -> None:
    secret = "x" * 5000
    answer = client.post("/v1/images/generations", json={"prompt": secret, "n": 1})
    assert "xxx" not in json.dumps(answer.json())
