"""Downloads against a local server that behaves well, badly and worse."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import read_json
from energyflow.datasets.download import SIGNATURE, fetch
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
    server.stops = 4
    with pytest.raises(UserError, match="it resumes"):
        get(address(server, "good"), tmp_path / "demo.hdf5")
    have = (tmp_path / "demo.hdf5.part").stat().st_size
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT
    assert server.requests[4:] == [("/good", f"bytes={have}-")]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["demo.hdf5", "demo.hdf5.source.json"]


@pytest.mark.parametrize("note", [None, "", "{}", '{"url": "http://127.0.0.1/", "validator": "\\"a\\"", "size": 9000}'])
def test_bytes_of_an_unknown_version_are_not_continued(server: Server, tmp_path: Path, note: str | None) -> None:
    (tmp_path / "demo.hdf5.part").write_bytes(b"\x00" * 1000)
    if note is not None:
        (tmp_path / "demo.hdf5.part.json").write_text(note)
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT
    assert server.requests == [("/good", None)]


OTHER = SIGNATURE + bytes(len(CONTENT) - len(SIGNATURE))


@pytest.mark.parametrize("headers", [{}, {"ETag": None}, {"ETag": 'W/"weak"'}])
def test_a_file_replaced_between_two_attempts_is_never_mixed(
    server: Server, tmp_path: Path, headers: dict[str, str | None]
) -> None:
    server.stops, server.then, server.headers = 1, OTHER, headers
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == OTHER


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"Content-Range": f"bytes {len(CONTENT) // 2}-{len(CONTENT) - 1}/{len(CONTENT) + 1}"},
        {"Content-Range": None},
        {"Content-Range": "bytes */9"},
        {"ETag": '"another"'},
    ],
)
def test_an_answer_that_continues_something_else_starts_over(
    server: Server, tmp_path: Path, headers: dict[str, str | None]
) -> None:
    """With the right ETag at first; then a server that says 206 and sends what was not asked for."""
    server.stops = 4
    with pytest.raises(UserError):
        get(address(server, "good"), tmp_path / "demo.hdf5")
    server.headers = headers
    get(address(server, "good"), tmp_path / "demo.hdf5")
    assert (tmp_path / "demo.hdf5").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests[5:]] == [None]


@pytest.mark.parametrize(
    ("content", "headers", "message"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", {"Content-Type": "text/html"}, "no HDF5 file, it begins with b'<!DO"),
        (b"", {}, "no HDF5 file, it begins with b''"),
        (SIGNATURE[:5], {}, "no HDF5 file"),
        (CONTENT, {"Content-Length": None}, "no telling when the file is whole"),
        (CONTENT, {"Content-Length": "-1"}, "no telling when the file is whole"),
    ],
)
def test_what_is_no_whole_file_is_refused_at_once(
    server: Server, tmp_path: Path, content: bytes, headers: dict[str, str | None], message: str
) -> None:
    server.content, server.headers = content, headers
    with pytest.raises(UserError, match=message) as caught:
        get(address(server, "good" if content else "empty"), tmp_path / "demo.hdf5")
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


def test_a_pinned_digest_is_asked_of_the_first_download(server: Server, tmp_path: Path) -> None:
    pin = hashlib.sha256(CONTENT).hexdigest()
    server.content = OTHER
    with pytest.raises(UserError, match=f"not the pinned {pin[:12]}"):
        get(address(server, "good"), tmp_path / "demo.hdf5", pinned=pin)
    assert not list(tmp_path.iterdir())
    (tmp_path / "demo.hdf5").write_bytes(OTHER)
    with pytest.raises(UserError, match=f"not the pinned {pin[:12]}"):
        get(address(server, "good"), tmp_path / "demo.hdf5", pinned=pin)
    (tmp_path / "demo.hdf5").unlink()
    server.content = CONTENT
    assert get(address(server, "good"), tmp_path / "demo.hdf5", pinned=pin)


@pytest.mark.parametrize("text", ["{}", '{"url": 1, "sha256": "x", "size": 2}', "[", '{"sha256": "' + "0" * 64 + '"}'])
def test_a_damaged_record_is_named(server: Server, tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.hdf5.source.json").write_text(text)
    with pytest.raises(UserError, match=r"demo\.hdf5\.source\.json: "):
        get(address(server, "good"), tmp_path / "demo.hdf5")
    assert not server.requests


def test_a_full_disk_is_named_at_once(server: Server, tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(UserError, match=r"demo\.hdf5\.part: cannot be written \(No space left on device\)"):
        get(address(server, "good"), small_disk / "demo.hdf5")
    assert len(server.requests) == 1


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
    with pytest.raises(UserError, match=r"not the recorded \(in demo\.hdf5\.source\.json\)"):
        get(address(server, "good"), file)
    assert not file.exists()
    server.content = CONTENT
    assert get(address(server, "good"), file)


def test_a_file_that_was_damaged_later_is_named(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "demo.hdf5"
    get(address(server, "good"), file)
    file.write_bytes(CONTENT[:-5])
    with pytest.raises(UserError, match=r"demo\.hdf5: .* not the recorded \(in demo\.hdf5\.source\.json\)"):
        get(address(server, "good"), file)


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "http://example.org/demo.hdf5", "http://127.0.0.1@example.org/"]
)
def test_only_what_nobody_on_the_way_can_change_is_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="only https is fetched"):
        get(url, tmp_path / "demo.hdf5")


def test_a_file_put_there_by_hand_is_taken_and_guarded_from_then_on(server: Server, tmp_path: Path) -> None:
    """What the message for machines without a network says to do."""
    file = tmp_path / "demo.hdf5"
    file.write_bytes(CONTENT[:100])
    assert not get(address(server, "good"), file)
    assert not server.requests
    file.write_bytes(CONTENT[:99])
    with pytest.raises(UserError, match="not the recorded"):
        get(address(server, "good"), file)
