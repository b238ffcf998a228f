"""A real web server on this machine that does everything a server can do wrong."""

import io
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from PIL import Image


def picture(side: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (220, 40, 40)).save(file, "PNG")
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    server: "Server"

    def do_GET(self) -> None:
        """Answer, and do not mind a client that leaves."""
        self.server.asked[self.path] += 1
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, self.path.strip("/").partition("/")[0])()

    def good(self) -> None:
        self.answer(picture())

    def html(self) -> None:
        self.answer(b"<html>Not here any more</html>", kind="image/png")

    def nothing(self) -> None:
        self.answer(b"")

    def cut(self) -> None:
        self.answer(picture(), length=10_000)

    def understated(self) -> None:
        self.answer(picture(), length=20)

    def missing(self) -> None:
        self.send_error(404)

    def broken(self) -> None:
        self.send_error(500)

    def moody(self) -> None:
        if self.server.asked[self.path] < 3:
            self.send_error(503)
        else:
            self.good()

    def moved(self) -> None:
        self.redirect("/good/moved")

    def circle(self) -> None:
        self.redirect("/circle")

    def leaving(self) -> None:
        self.redirect("file:///etc/passwd")

    def silent(self) -> None:
        time.sleep(30)

    def trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.1)

    def headers_for_ever(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X: y\r\n")
            time.sleep(0.1)

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def answer(self, content: bytes, length: int | None = None, kind: str = "image/png") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def log_message(self, *what: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Counts what it is asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


@contextmanager
def serving() -> Iterator[Server]:
    """Serve until the block is left."""
    server = Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
