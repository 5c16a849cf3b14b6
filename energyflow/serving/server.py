"""A policy behind a websocket: one connection a robot, one answer an observation, and openpi's client can ask.

A connection gets what the server says of itself, and then, for each observation, either a binary frame with the action
or a text frame with what was wrong, in one line; the connection goes on. Plans are made one at a time, in a thread of
their own, so that the socket always answers. Requests wait in a queue that is bounded over all connections: a robot is
better told at once than an action is late.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from energyflow.core.errors import UserError
from energyflow.policies.base import Policy
from energyflow.serving.access import TOKEN, is_loopback, shows
from energyflow.serving.metrics import Metrics
from energyflow.serving.runner import Runner
from energyflow.serving.wire import FLAT, RESET, pack, unpack

try:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
except ImportError:  # an extra
    raise UserError("serving needs msgpack and websockets: pip install 'energyflow[serve]'") from None

MOST_BYTES = 2**20  # of a request
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class PolicyServer:
    """Serves a policy until it is stopped.

    Attributes:
        metrics: what was counted so far.
        metadata: what each client is told first.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        hz: float = 10.0,
        queue: int = 4,
        robots: int = 16,
        token: str | None = None,
        about: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Take a policy.

        Args:
            policy: trained, on any device.
            hz: of the control loop: an action that takes longer than its period is counted as late.
            queue: requests that may wait, over all connections; further ones are refused.
            robots: connections at a time; likewise.
            token: that clients must show; None: anybody may ask.
            about: what else clients are told.
            options: of `Runner`: seed, decoder, nfe, low, high, rate.

        Raises:
            UserError: a number makes no sense, or the limits leave no action.
        """
        if hz <= 0 or queue < 1 or robots < 1:
            raise UserError(f"hz = {hz:g}, queue = {queue}, robots = {robots}: expected positive numbers")
        self.metrics, self.period, self._token = Metrics(), 1.0 / hz, token
        self._queue, self._robots = queue, robots
        self._waiting = self._connected = 0
        self._stopping = False
        self._make = partial(Runner, policy, **options)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plans")
        spec, first = policy.spec, self._make()
        first.reset()
        first(policy.normalizer.obs_mean)  # so that the first robot does not wait for what is made once
        self.metadata = {
            "server": "energyflow",
            "method": policy.params.method,
            "obs_keys": list(spec.obs_keys),
            "obs_dim": spec.obs_dim,
            "action_dim": spec.action_dim,
            "action_low": first.low,
            "action_high": first.high,
            "action_horizon": 1,
            "exec_horizon": spec.exec_horizon,
            "hz": hz,
            **(about or {}),
        }

    async def run(
        self, host: str, port: int, stop: asyncio.Event, started: Callable[[int], None] = lambda port: None
    ) -> None:
        """Listen until `stop` is set; then answer what waits, and close.

        Args:
            host: address; one that other machines reach needs a token.
            port: 0: any that is free.
            stop: ends it.
            started: is called with the port, once robots can connect.

        Raises:
            UserError: the address cannot be had, or needs a token.
        """
        if self._token is None and not is_loopback(host):
            raise UserError(f"{host}: other machines reach this address; give --token-file, or set {TOKEN}")
        try:
            server = await serve(
                self._session,
                host,
                port,
                process_request=self._admit,
                origins=[None],  # no page of a browser
                compression=None,
                max_size=MOST_BYTES,
                max_queue=self._queue,
            )
        except OSError as error:
            raise UserError(f"{host}:{port}: cannot listen there ({error.strerror or error})") from None
        async with server:
            started(next(iter(server.sockets)).getsockname()[1])
            await stop.wait()
            self._stopping = True
            while self._waiting:
                await asyncio.sleep(0.005)
        self._worker.shutdown()

    # --- HTTP

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer pages, refuse who may not connect, let others on to the websocket."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            ready = HTTPStatus.SERVICE_UNAVAILABLE if self._stopping else HTTPStatus.OK
            return connection.respond(ready, "stopping\n" if self._stopping else "OK\n")
        if not shows(request.headers.get_all("Authorization"), self._token):
            self.metrics.counts["unauthorized_total"] += 1
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no token, or another one\n")
        if path == "/metrics":
            page = self.metrics.page(waiting=self._waiting, connected=self._connected)
            response = connection.respond(HTTPStatus.OK, page)
            del response.headers["Content-Type"]
            response.headers["Content-Type"] = METRICS_TYPE
            return response
        if self._stopping or self._connected >= self._robots:
            why = "stopping" if self._stopping else f"{self._robots} robots are connected"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{why}\n")
        return None

    # --- websocket

    async def _session(self, socket: ServerConnection) -> None:
        """One robot, from connecting to leaving."""
        self._connected += 1
        self.metrics.counts["connections_total"] += 1
        try:
            runner = await self._compute(self._make)
            runner.reset()
            await socket.send(pack(self.metadata))
            async for message in socket:
                await self._answer(socket, runner, message)
        except ConnectionClosed:
            pass
        finally:
            self._connected -= 1

    async def _compute(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def _answer(self, socket: ServerConnection, runner: Runner, message: str | bytes) -> None:
        """An action, or one line of text."""
        received = time.perf_counter()
        if self._stopping or self._waiting >= self._queue:
            self.metrics.counts["overflow_total"] += 1
            why = "the server is stopping" if self._stopping else f"{self._queue} requests wait already; ask again"
            await socket.send(f"refused: {why}")
            return
        self._waiting += 1
        try:
            try:
                action, seconds = await self._compute(partial(self._act, runner, message))
            except UserError as error:
                self.metrics.counts["malformed_total"] += 1
                await socket.send(str(error))
                return
            total = time.perf_counter() - received
            late = self.metrics.observe(total, deadline=self.period)
            timing = {"infer_ms": 1000 * seconds, "total_ms": 1000 * total, "late": late}
            await socket.send(pack({"actions": action[None], "server_timing": timing}))
        finally:
            self._waiting -= 1

    def _act(self, runner: Runner, message: str | bytes) -> tuple[Any, float]:
        """The action for a request, and the seconds that it took.

        Raises:
            UserError: it is no request, or no observation of this policy.
        """
        started = time.perf_counter()
        obs = unpack(message)
        if obs.pop(RESET, False):
            runner.reset()
        flat = FLAT in obs and FLAT not in runner.policy.spec.obs_keys
        planned, limited = runner.planned, runner.limited
        action = runner(obs[FLAT] if flat else obs)
        self.metrics.counts["plans_total"] += runner.planned - planned
        self.metrics.counts["limited_actions_total"] += runner.limited - limited
        return action, time.perf_counter() - started


def serve_until_stopped(server: PolicyServer, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until the process is told to end, by Ctrl-C or SIGTERM; arguments and errors as of `PolicyServer.run`."""

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await server.run(host, port, stop, started)

    asyncio.run(run())
