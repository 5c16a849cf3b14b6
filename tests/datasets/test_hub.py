"""Data sets by name, from a local hub that lists files, their sizes and digests as the real one does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.datasets.hub import download_minari, is_name, local_root
from energyflow.datasets.minari import read_minari
from tests.datasets.recordings import a_minari_set

WHERE = "datasets/farama-minari/pendulum"
NAME = "pendulum/small-v0"


class Hub(ThreadingHTTPServer):
    """Addresses and what they answer; requests are kept."""

    answers: dict[str, bytes]
    requests: list[str]
    stops = 0  # how many more answers end halfway


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        body = self.server.answers.get(self.path)
        if body is None:
            self.send_error(404)
            return
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        asked = self.headers.get("Range") if self.headers.get("If-Range") == tag else None
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if first else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[first:]
        if self.server.stops and self.path.endswith(".hdf5"):
            self.server.stops -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    data = a_minari_set(tmp_path / "remote").parent
    content = {name: (data / name).read_bytes() for name in ("main_data.hdf5", "metadata.json")}
    listing = [{"path": f"small-v0/data/{name}", "type": "file"} for name in content]
    listing[0]["lfs"] = {"oid": hashlib.sha256(content["main_data.hdf5"]).hexdigest()}  # type: ignore[assignment]
    with Hub(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        running.answers = {f"/{WHERE}/resolve/main/small-v0/data/{name}": body for name, body in content.items()}
        running.answers[f"/api/{WHERE}/tree/main/small-v0/data"] = json.dumps(listing).encode()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_address[1]}")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def test_a_data_set_arrives_is_read_and_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    folder = download_minari(NAME, tmp_path / "local")
    assert folder == tmp_path / "local" / NAME
    here, there = read_minari(folder), read_minari(tmp_path / "remote")
    for one, other in zip(here.episodes, there.episodes, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
    count = len(hub.requests)
    assert download_minari(NAME, tmp_path / "local") == folder
    assert len(hub.requests) == count


def test_a_connection_that_breaks_off_is_resumed(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energyflow.datasets.download.time.sleep", lambda _: None)
    hub.stops = 2
    folder = download_minari(NAME, tmp_path / "local")
    assert (folder / "data/main_data.hdf5").read_bytes() == (tmp_path / "remote/data/main_data.hdf5").read_bytes()
    assert sum(path.endswith(".hdf5") for path in hub.requests) == 3


def test_what_is_not_as_the_hub_lists_it_is_refused(hub: Hub, tmp_path: Path) -> None:
    path = f"/{WHERE}/resolve/main/small-v0/data/main_data.hdf5"
    hub.answers[path] = hub.answers[path][:-1] + b"!"
    with pytest.raises(UserError, match=r"main_data\.hdf5: its sha256 is .*, not the pinned"):
        download_minari(NAME, tmp_path / "local")
    assert not list((tmp_path / "local").rglob("*.json"))
    with pytest.raises(UserError, match="no data set of Minari's"):
        read_minari(tmp_path / "local" / NAME)


def test_what_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="404 Not Found; is the data set's id right"):
        download_minari("pendulum/other-v0", tmp_path)
    hub.answers[f"/api/{WHERE}/tree/main/small-v0/data"] = b"[]"
    with pytest.raises(UserError, match=r"pendulum/small-v0: the hub has no main_data\.hdf5"):
        download_minari(NAME, tmp_path)
    hub.answers[f"/api/{WHERE}/tree/main/small-v0/data"] = b"<html>"
    with pytest.raises(UserError, match="no JSON"):
        download_minari(NAME, tmp_path)


def test_without_a_network_it_says_where_to_put_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=f"cannot be reached.*put the data set's folder at {tmp_path}/{NAME}"):
        download_minari(NAME, tmp_path)


@pytest.mark.parametrize("text", ["../etc-v0", "/abs-v0", "hopper", "a/../b-v0", "hopper_medium-v2.hdf5"])
def test_what_is_no_id_is_never_asked_for(tmp_path: Path, text: str) -> None:
    assert not is_name(text)
    with pytest.raises(UserError, match="no id of Minari's"):
        download_minari(text, tmp_path)


def test_the_place_is_minaris_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert local_root() == tmp_path
