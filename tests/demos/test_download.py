"""Downloads against a local server that behaves well, badly and worse."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from energyflow.demos.download import DownloadError, fetch
from energyflow.storage import read_json

CONTENT = bytes(range(256)) * 2000
get = partial(fetch, timeout=0.5, pause=0.01)


class Server(ThreadingHTTPServer):
    """Counts its requests; each path is a kind of behaviour."""

    requests: list[tuple[str, str | None]]
    content = CONTENT
    stops = 0  # how many more answers end halfway


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/broken":
            self.send_error(503)
            return
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.path != "/no-ranges" else 0
        if first >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.stops:
            self.server.stops -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body[: len(body) // 2])
        if self.path == "/slow":
            time.sleep(1.5)
        self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def address(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_a_file_arrives_whole_is_recorded_and_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "deep/demo.hdf5"
    assert get(address(server, "good"), file)
    assert file.read_bytes() == CONTENT
    record = read_json(tmp_path / "deep/demo.hdf5.source.json")
    assert (record["sha256"], record["size"]) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert not get(address(server, "good"), file)
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["good", "no-ranges"])
def test_a_connection_that_breaks_off_is_resumed(server: Server, tmp_path: Path, path: str) -> None:
    server.stops = 2
    get(address(server, path), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests][1:] == [
        f"bytes={len(CONTENT) // 2}-",
        f"bytes={len(CONTENT) // 2 if path == 'no-ranges' else 3 * len(CONTENT) // 4}-",
    ]
    assert not (tmp_path / "demo.hdf5.part").exists()


def test_what_an_earlier_run_left_is_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / "demo.hdf5.part").write_bytes(CONTENT[:1000])
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT
    assert server.requests == [("/good", "bytes=1000-")]


def test_a_part_of_another_longer_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "demo.hdf5.part").write_bytes(CONTENT + b"more")
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT


def test_a_server_that_always_breaks_off_leaves_no_file_in_place(server: Server, tmp_path: Path) -> None:
    server.stops = 100
    with pytest.raises(DownloadError, match=r"4 attempts failed, the last one with: .*Run the same command again"):
        get(address(server, "no-ranges"), tmp_path / "demo.hdf5")
    assert not (tmp_path / "demo.hdf5").exists()


@pytest.mark.parametrize(
    ("path", "message", "requests"),
    [("missing", "404 Not Found; has the file moved", 1), ("broken", "503", 4), ("slow", "timed out", 4)],
)
def test_errors_say_what_happened(server: Server, tmp_path: Path, path: str, message: str, requests: int) -> None:
    with pytest.raises(DownloadError, match=message):
        get(address(server, path), tmp_path / "demo.hdf5")
    assert len(server.requests) == requests
    assert not (tmp_path / "demo.hdf5").exists()


def test_offline_says_where_to_put_the_file(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"put it at .*demo\.hdf5"):
        get("http://127.0.0.1:9/demo.hdf5", tmp_path / "demo.hdf5")


def test_other_content_than_recorded_is_refused(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "demo.hdf5"
    get(address(server, "good"), file)
    file.unlink()
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadError, match=r"not the recorded .*source\.json"):
        get(address(server, "good"), file)
    assert not file.exists()
    server.content = CONTENT
    assert get(address(server, "good"), file)


def test_a_file_that_was_damaged_later_is_named(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "demo.hdf5"
    get(address(server, "good"), file)
    file.write_bytes(CONTENT[:-5])
    with pytest.raises(DownloadError, match=r"demo\.hdf5: differs from its record"):
        get(address(server, "good"), file)


def test_only_the_web_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only http and https"):
        get("file:///etc/hostname", tmp_path / "demo.hdf5")
