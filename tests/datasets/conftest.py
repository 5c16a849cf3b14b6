"""A local server that behaves well, badly and worse."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from energyflow.datasets.download import SIGNATURE

CONTENT = SIGNATURE + bytes(range(256)) * 2000


class Server(ThreadingHTTPServer):
    """Counts its requests; each path is a kind of behaviour, `headers` are sent in place of the usual ones."""

    requests: list[tuple[str, str | None]]
    content = CONTENT
    headers: dict[str, str | None]
    stops = 0  # how many more answers end halfway
    then: bytes | None = None  # what the file is replaced with when an answer ends halfway
    absent = "/missing"  # in the path of what is not there


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        if self.server.absent in self.path:
            self.send_error(404)
            return
        if self.path == "/broken":
            self.send_error(503)
            return
        content = self.server.content
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        continued = asked and self.path != "/no-ranges" and self.headers.get("If-Range") == tag
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and continued else 0
        if first and first >= len(content):
            self.send_error(416)
            return
        body = content[first:]
        self.send_response(206 if first else 200)
        headers: dict[str, str | None] = {"ETag": tag, "Content-Length": str(len(body))}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        for name, value in (headers | self.server.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.server.stops:
            self.server.stops -= 1
            body = body[: len(body) // 2]
            self.server.content = self.server.then or content
        self.wfile.write(body[: len(body) // 2])
        if self.path == "/slow":
            time.sleep(1.5)
        self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests, running.headers = [], {}
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def address(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"
