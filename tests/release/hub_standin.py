"""The part of the Hub's HTTP interface that a release needs, on a loopback socket, in memory.

Written after what the package ``huggingface_hub`` asks for. Large files go the way of git-lfs, as
on the Hub, small ones inside of the commit.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = ".safetensors"


@dataclass
class Repository:
    """Commits, the newest last: which file has which bytes."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return a commit and its files; None for a revision that is none."""
        if revision == "main":
            return next(reversed(self.commits.items()), ("0" * 40, {}))
        return (revision, self.commits[revision]) if revision in self.commits else None


@dataclass
class Hub:
    """What the stand-in holds, and what it was asked."""

    endpoint: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def hub_on_loopback() -> Iterator[Hub]:
    """Serve while the block lasts."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Handler.hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def do_PUT(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, body: bytes) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        for pattern, route in ROUTES.items():
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                return route(self, body, *found.groups())
        return self._say({"error": "no such route"}, 404)

    def _say(self, value: Any, status: int = 200, **headers: str) -> None:
        self._send(json.dumps(value).encode(), status, **headers)

    def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _commit_of(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return a commit, or say that there is none."""
        repository = self.hub.repositories.get(name)
        found = None if repository is None else repository.at(revision)
        if found is None:
            code = "RepoNotFound" if repository is None else "RevisionNotFound"
            self._say({"error": code}, 404, X_Error_Code=code)
        return found

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        status = 409 if name in self.hub.repositories else 200
        self.hub.repositories.setdefault(name, Repository())
        self._say({"url": f"{self.hub.endpoint}/{name}", "error": "exists"}, status)

    def validate(self, body: bytes) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self._say({"errors": [], "warnings": []})

    def info(self, body: bytes, name: str, revision: str | None) -> None:
        if found := self._commit_of(name, revision or "main"):
            commit, files = found
            self._say({"id": name, "sha": commit, "siblings": [{"rfilename": f} for f in files]})

    def tree(self, body: bytes, name: str, revision: str) -> None:
        if found := self._commit_of(name, revision):
            self._say([_entry(path, content) for path, content in found[1].items()])

    def preupload(self, body: bytes, name: str) -> None:
        files = json.loads(body)["files"]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self._say({"files": modes})

    def batch(self, body: bytes, name: str) -> None:
        objects = json.loads(body)["objects"]
        actions = [
            one | {"actions": {"upload": {"href": f"{self.hub.endpoint}/upload/{one['oid']}"}}}
            for one in objects
        ]
        self._say({"transfer": "basic", "objects": actions})

    def upload(self, body: bytes, digest: str) -> None:
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.uploads[digest] = body
        self._send(b"")

    def commit(self, body: bytes, name: str) -> None:
        repository = self.hub.repositories[name]
        found = repository.at("main")
        assert found is not None
        files = dict(found[1])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = hashlib.sha1(body).hexdigest()
        repository.commits[commit] = files
        self._say({"commitUrl": f"{self.hub.endpoint}/{name}/commit/{commit}", "commitOid": commit})

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        if found := self._commit_of(name, revision):
            commit, files = found
            if path not in files:
                return self._say({}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
            etag = f'"{hashlib.sha256(files[path]).hexdigest()}"'
            self._send(files[path], 200, X_Repo_Commit=commit, ETag=etag)
        return None


def _entry(path: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": digest[:40]}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
    return entry


MODEL, REVISION = r"/api/models/([^/]+/[^/]+)", r"([\w.-]+)"
ROUTES = {
    r"POST /api/repos/create": _Handler.create,
    r"POST /api/validate-yaml": _Handler.validate,
    rf"GET {MODEL}(?:/revision/{REVISION})?": _Handler.info,
    rf"GET {MODEL}/tree/{REVISION}.*": _Handler.tree,
    rf"POST {MODEL}/preupload/main": _Handler.preupload,
    r"POST /([^/]+/[^/]+)\.git/info/lfs/objects/batch": _Handler.batch,
    r"PUT /upload/([0-9a-f]+)": _Handler.upload,
    rf"POST {MODEL}/commit/main": _Handler.commit,
    rf"(?:GET|HEAD) /([^/]+/[^/]+)/resolve/{REVISION}/(.+)": _Handler.resolve,
}
