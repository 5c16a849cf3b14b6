"""A server on loopback and robots that talk to it: actions of a runner, limits, refusals, and nothing that ends it."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from energyflow.core.errors import UserError
from energyflow.policies.base import Policy
from energyflow.serving.runner import Runner
from tests.serving.conftest import ACTION, OBS

pytest.importorskip("msgpack")
pytest.importorskip("websockets")

import msgpack
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from energyflow.serving.access import is_loopback, read_token
from energyflow.serving.client import Client
from energyflow.serving.server import PolicyServer

Fresh = Callable[[str], Policy]
TOKEN = "a-token-of-a-test"


@contextmanager
def running(server: PolicyServer, host: str = "127.0.0.1") -> Iterator[int]:
    """The server in a thread of its own, at a free port; it is stopped as a signal stops it."""
    loop, stop, known = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    ports: list[int] = []

    def started(port: int) -> None:
        ports.append(port)
        known.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(server.run(host, 0, stop, started)))
    thread.start()
    try:
        assert known.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()
        loop.close()


@pytest.fixture(scope="module")
def policy(fresh: Fresh) -> Policy:
    return fresh("flow_policy")


def observations(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(count, OBS))


def page(port: int, path: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def count(server: PolicyServer, name: str) -> int:
    return server.metrics.counts[name]


def test_robots_get_the_actions_of_runners_of_their_own(policy: Policy) -> None:
    server = PolicyServer(policy, seed=4, hz=0.1)
    own, seen = Runner(policy, seed=4), observations(2 * policy.spec.exec_horizon + 1)
    with running(server) as port, Client(f"ws://127.0.0.1:{port}") as one, Client(f"ws://127.0.0.1:{port}") as two:
        assert one.metadata["obs_keys"] == ["arm", "cup"]
        np.testing.assert_array_equal(one.metadata["action_low"], own.low)
        for _ in range(2):  # episodes
            one.reset()
            own.reset()
            for obs in seen:
                action = one({"arm": obs[:3], "cup": obs[3:], "prompt": "pour"})
                np.testing.assert_array_equal(action, own(obs))
                two(obs[::-1])  # another robot between them
    assert count(server, "actions_total") == 4 * len(seen)
    assert count(server, "plans_total") == 2 * 3 + -(-2 * len(seen) // policy.spec.exec_horizon)
    assert count(server, "deadline_misses_total") == 0


def test_openpis_client_is_understood(policy: Policy) -> None:
    """Its messages, as it frames and reads them: websocket_client_policy and msgpack_numpy of `openpi-client`."""

    def framed(value: Any) -> Any:
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}

    def array(value: Any) -> Any:
        return np.ndarray(value[b"shape"], np.dtype(value[b"dtype"]), value[b"data"]) if b"data" in value else value

    obs, own = observations(1)[0].astype(np.float32), Runner(policy)
    own.reset()
    with running(PolicyServer(policy, token=TOKEN)) as port:
        headers = {"Authorization": f"Api-Key {TOKEN}"}
        with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None, additional_headers=headers) as socket:
            assert msgpack.unpackb(socket.recv(), object_hook=array)["action_horizon"] == 1
            socket.send(msgpack.packb({"arm": obs[:3], "cup": obs[3:], "prompt": "pour"}, default=framed))
            answer = msgpack.unpackb(socket.recv(), object_hook=array)
            np.testing.assert_array_equal(answer["actions"], own(obs)[None])
            assert answer["server_timing"]["infer_ms"] > 0
            socket.send(msgpack.packb({"arm": obs[:3]}, default=framed))
            assert isinstance(socket.recv(), str)  # which it raises as an error of the server


def test_openpis_client_itself(policy: Policy) -> None:
    theirs = pytest.importorskip("openpi_client.websocket_client_policy")
    obs, own = observations(1)[0].astype(np.float32), Runner(policy)
    own.reset()
    with running(PolicyServer(policy, token=TOKEN)) as port:
        robot = theirs.WebsocketClientPolicy("127.0.0.1", port, TOKEN)
        assert robot.get_server_metadata()["obs_keys"] == ["arm", "cup"]
        found = robot.infer({"arm": obs[:3], "cup": obs[3:], "gain": np.float32(2), "prompt": "pour"})["actions"]
        np.testing.assert_array_equal(found, own(obs)[None])
        with pytest.raises(RuntimeError, match="no observation 'cup'"):
            robot.infer({"arm": obs[:3]})
        again = robot.infer({"arm": obs[:3], "cup": obs[3:]})["actions"]
        np.testing.assert_array_equal(again, own(obs)[None])


def test_limits_hold_behind_the_socket(policy: Policy) -> None:
    server = PolicyServer(policy, low=-0.1, high=0.1, rate=0.02)
    with running(server) as port, Client(f"ws://127.0.0.1:{port}") as robot:
        actions = np.array([robot(obs) for obs in observations(20)])
    assert np.abs(actions).max() <= 0.1
    assert np.abs(np.diff(actions, axis=0)).max() <= 0.02 + 1e-12
    assert 10 < count(server, "limited_actions_total") <= 20


def test_only_who_has_the_token_is_served(policy: Policy, tmp_path: Path) -> None:
    server = PolicyServer(policy, token=TOKEN)
    with running(server) as port:
        for shown in (None, "", "another", TOKEN[:-1], TOKEN + "x"):
            with pytest.raises(UserError, match="status 401"):
                Client(f"ws://127.0.0.1:{port}", token=shown)
        for headers in (
            [("Authorization", f"Basic {TOKEN}")],
            [("Authorization", TOKEN)],
            [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
        ):
            with pytest.raises(InvalidStatus, match="401"):
                connect(f"ws://127.0.0.1:{port}", additional_headers=headers)
        assert page(port, "/metrics")[0] == 401
        assert page(port, "/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert page(port, "/healthz") == (200, "OK\n")
        assert count(server, "unauthorized_total") == 9
        with pytest.raises(InvalidStatus, match="403"):  # a page of a browser on this machine
            connect(
                f"ws://127.0.0.1:{port}",
                origin="http://evil.example",
                additional_headers={"Authorization": f"Bearer {TOKEN}"},
            )  # type: ignore[arg-type]
        with Client(f"ws://127.0.0.1:{port}", token=TOKEN) as robot:
            assert robot(np.zeros(OBS)).shape == (ACTION,)


def test_other_machines_are_served_with_a_token_alone(policy: Policy) -> None:
    for host in ("0.0.0.0", "::", "192.168.0.4", "robot.local"):
        with pytest.raises(UserError, match="give --token-file"):
            asyncio.run(PolicyServer(policy).run(host, 0, asyncio.Event()))
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))


def test_a_token_is_read_from_file_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(tmp_path / "token") == TOKEN
    for text in ("", " \n", "two words", "schlüssel"):
        (tmp_path / "token").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="expected one token"):
            read_token(tmp_path / "token")
    with pytest.raises(UserError, match="no token could be read"):
        read_token(tmp_path / "none")
    monkeypatch.delenv("ENERGYFLOW_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("ENERGYFLOW_TOKEN", TOKEN)
    assert read_token(None) == TOKEN


class Slow:
    """A runner that takes its time, or waits until it may go on."""

    def __init__(self, runner: Runner, seconds: float, gate: threading.Event | None = None) -> None:
        self.runner, self.seconds, self.gate = runner, seconds, gate
        self.policy = runner.policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)

    def __call__(self, obs: Any) -> Any:
        time.sleep(self.seconds)
        assert self.gate is None or self.gate.wait(10)
        return self.runner(obs)


def slowed(server: PolicyServer, seconds: float, gate: threading.Event | None = None) -> PolicyServer:
    make = server._make
    server._make = lambda: Slow(make(), seconds, gate)  # type: ignore[assignment]
    return server


def test_late_actions_are_counted_and_told(policy: Policy) -> None:
    obs = {"arm": np.zeros(3), "cup": np.zeros(2)}
    for seconds, expected in ((0.0, 0), (0.06, 3)):
        server = slowed(PolicyServer(policy, hz=20.0 if seconds else 1.0), seconds)
        with running(server) as port, Client(f"ws://127.0.0.1:{port}") as robot:
            timings = [robot.infer(obs)["server_timing"] for _ in range(3)]
            text = page(port, "/metrics")[1]
        assert [timing["late"] for timing in timings] == [expected > 0] * 3
        assert all(timing["total_ms"] >= timing["infer_ms"] >= 1000 * seconds for timing in timings)
        assert count(server, "deadline_misses_total") == expected
        assert f"energyflow_deadline_misses_total {expected}\n" in text
        assert "energyflow_actions_total 3\n" in text
        assert 'energyflow_action_seconds_bucket{le="+Inf"} 3\n' in text
        assert f'energyflow_action_seconds_bucket{{le="0.05"}} {3 - expected}\n' in text
        assert "energyflow_connected 1\n" in text
    assert all(line.startswith(("#", "energyflow_")) for line in text.splitlines())


def test_a_full_queue_refuses_at_once_and_loses_no_episode(policy: Policy) -> None:
    gate, obs = threading.Event(), {"arm": np.zeros(3), "cup": np.zeros(2)}
    server = slowed(PolicyServer(policy, queue=2), 0.0, gate)
    with running(server) as port, ExitStack() as stack:
        robots = [stack.enter_context(Client(f"ws://127.0.0.1:{port}")) for _ in range(3)]
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda r=robot: answers.append(r.infer(obs))) for robot in robots[:2]]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        while server._waiting < 2:
            time.sleep(0.005)
        with pytest.raises(UserError, match="refused: 2 requests wait already"):
            robots[2].infer(obs)
        gate.set()
        for thread in threads:
            thread.join()
        assert len(answers) == 2
        np.testing.assert_array_equal(robots[2].infer(obs)["actions"], answers[0]["actions"])
        assert count(server, "overflow_total") == 1


def test_more_robots_than_there_is_room_for_are_refused(policy: Policy) -> None:
    with running(PolicyServer(policy, robots=1)) as port:
        with Client(f"ws://127.0.0.1:{port}"), pytest.raises(UserError, match="status 503: 1 robots are connected"):
            Client(f"ws://127.0.0.1:{port}")
        deadline = time.monotonic() + 5
        while "energyflow_connected 0\n" not in page(port, "/metrics")[1] and time.monotonic() < deadline:
            time.sleep(0.01)
        with Client(f"ws://127.0.0.1:{port}"):
            pass


def test_no_message_ends_the_server_or_the_session(policy: Policy, caplog: pytest.LogCaptureFixture) -> None:
    rng, server, own = np.random.default_rng(0), PolicyServer(policy), Runner(policy)
    own.reset()
    whole = msgpack.packb({"arm": [0.0] * 3, "cup": [0.0] * 2})
    with running(server) as port:
        with connect(f"ws://127.0.0.1:{port}") as socket:
            socket.recv()
            for _ in range(200):
                damaged = bytearray(whole)
                for place in rng.integers(len(whole), size=3):
                    damaged[place] = rng.integers(256)
                noise = rng.bytes(int(rng.integers(40)))
                for data in (bytes(damaged), noise, noise.hex(), msgpack.packb({"arm": noise, "cup": None})):
                    socket.send(data)
                    answer = socket.recv(5)
                    assert isinstance(answer, bytes) or "\n" not in answer
            assert count(server, "malformed_total") > 500
            socket.send(msgpack.packb({"__reset__": True, "arm": [0.0] * 3, "cup": [0.0] * 2}))
            assert isinstance(socket.recv(5), bytes)
        with connect(f"ws://127.0.0.1:{port}") as socket:
            socket.recv()
            socket.send(bytes(2**20 + 1))
            with pytest.raises(ConnectionClosed, match="1009"):
                socket.recv(5)
        with Client(f"ws://127.0.0.1:{port}") as robot:
            np.testing.assert_array_equal(robot(np.zeros(OBS)), own(np.zeros(OBS)))
        assert page(port, "/healthz") == (200, "OK\n")
    assert not [record for record in caplog.records if record.exc_info]


def test_what_waits_is_answered_before_the_server_stops(policy: Policy) -> None:
    server = slowed(PolicyServer(policy), 0.3)
    answers: list[Any] = []
    with running(server) as port:
        robot = Client(f"ws://127.0.0.1:{port}")
        thread = threading.Thread(target=lambda: answers.append(robot(np.zeros(OBS))))
        thread.start()
        while not server._waiting:
            time.sleep(0.005)
    thread.join()
    assert answers[0].shape == (ACTION,)
    with pytest.raises(UserError, match="connection lost"):
        robot(np.zeros(OBS))
    with pytest.raises(UserError, match="no policy server there"):
        Client(f"ws://127.0.0.1:{port}")


def test_a_client_does_not_wait_for_ever(policy: Policy) -> None:
    with (
        running(slowed(PolicyServer(policy), 0.3)) as port,
        Client(f"ws://127.0.0.1:{port}", timeout=0.1) as robot,
        pytest.raises(UserError, match=r"no answer in 0\.1 s; connect again"),
    ):
        robot(np.zeros(OBS))


def test_mistakes_of_whoever_serves_are_told(policy: Policy) -> None:
    for wrong in ({"hz": 0.0}, {"queue": 0}, {"robots": 0}):
        with pytest.raises(UserError, match="expected positive numbers"):
            PolicyServer(policy, **wrong)  # type: ignore[arg-type]
    with running(PolicyServer(policy)) as port, pytest.raises(UserError, match="cannot listen there"):
        asyncio.run(PolicyServer(policy).run("127.0.0.1", port, asyncio.Event()))
