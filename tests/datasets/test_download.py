"""Downloads against a local server that behaves well, badly and worse."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.datasets.download import fetch
from tests.datasets.conftest import CONTENT, Server, address

get = partial(fetch, timeout=0.5, pause=0.01)


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
    with pytest.raises(UserError, match=r"4 attempts failed, the last one with: .*Run the same command again"):
        get(address(server, "no-ranges"), tmp_path / "demo.hdf5")
    assert not (tmp_path / "demo.hdf5").exists()


@pytest.mark.parametrize(
    ("path", "message", "requests"),
    [("missing", "404 Not Found; has the file moved", 1), ("broken", "503", 4), ("slow", "timed out", 4)],
)
def test_errors_say_what_happened(server: Server, tmp_path: Path, path: str, message: str, requests: int) -> None:
    with pytest.raises(UserError, match=message):
        get(address(server, path), tmp_path / "demo.hdf5")
    assert len(server.requests) == requests
    assert not (tmp_path / "demo.hdf5").exists()


def test_offline_says_where_to_put_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put it at .*demo\.hdf5"):
        get("http://127.0.0.1:9/demo.hdf5", tmp_path / "demo.hdf5")


def test_other_content_than_recorded_is_refused(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "demo.hdf5"
    get(address(server, "good"), file)
    file.unlink()
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(UserError, match=r"not the recorded .*source\.json"):
        get(address(server, "good"), file)
    assert not file.exists()
    server.content = CONTENT
    assert get(address(server, "good"), file)


def test_a_file_that_was_damaged_later_is_named(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "demo.hdf5"
    get(address(server, "good"), file)
    file.write_bytes(CONTENT[:-5])
    with pytest.raises(UserError, match=r"demo\.hdf5: differs from its record"):
        get(address(server, "good"), file)


def test_only_the_web_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only http and https"):
        get("file:///etc/hostname", tmp_path / "demo.hdf5")


def test_a_file_put_there_by_hand_is_taken_and_guarded_from_then_on(server: Server, tmp_path: Path) -> None:
    """What the message for machines without a network says to do."""
    file = tmp_path / "demo.hdf5"
    file.write_bytes(CONTENT[:100])
    assert not get(address(server, "good"), file)
    assert not server.requests
    file.write_bytes(CONTENT[:99])
    with pytest.raises(UserError, match="differs from its record"):
        get(address(server, "good"), file)
