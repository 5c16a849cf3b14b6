"""The robot's side of `energyflow serve`: NumPy, msgpack and websockets, without torch.

with Client("ws://127.0.0.1:8000") as policy:
    policy.reset()
    while ...:
        robot.command(policy(robot.observe()))
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from energyflow.core.errors import UserError
from energyflow.serving.wire import FLAT, RESET, pack, unpack


class Client:
    """A policy on another machine; a connection is one robot's.

    Attributes:
        metadata: what the server says of the policy: method, observation keys, action range, rate.
    """

    def __init__(self, uri: str = "ws://127.0.0.1:8000", token: str | None = None, timeout: float = 10.0) -> None:
        """Connect.

        Args:
            uri: of the server.
            token: that the server asks for, if it does.
            timeout: seconds that an answer may take.

        Raises:
            UserError: nobody listens there, or the server does not admit this client.
        """
        self.uri, self.timeout = uri, timeout
        headers = {"Authorization": f"Bearer {token}"} if token else None
        try:
            self._socket = connect(
                uri, additional_headers=headers, compression=None, max_size=None, open_timeout=timeout, proxy=None
            )
        except InvalidStatus as error:
            said = error.response.body.decode(errors="replace").strip()
            raise UserError(f"{uri}: refused with status {error.response.status_code}: {said}") from None
        except (OSError, InvalidHandshake) as error:
            raise UserError(f"{uri}: no policy server there ({error})") from None
        self.metadata = self._receive()
        self._first = True

    def reset(self) -> None:
        """Begin an episode with the next observation."""
        self._first = True

    def __call__(self, obs: ArrayLike | Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """The action [Da] for an observation, [Do] or by key, both in environment units; raises as `infer`."""
        named = obs if isinstance(obs, Mapping) else {FLAT: obs}
        arrays = {key: value if isinstance(value, str) else np.asarray(value) for key, value in named.items()}
        action: NDArray[np.float64] = self.infer(arrays)["actions"][0]
        return action

    def infer(self, obs: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer to an observation by key: `actions` [1, Da] and `server_timing` (milliseconds).

        Raises:
            UserError: the server refuses the observation (the episode is as it was), or does not answer.
        """
        request = pack({**obs, RESET: True} if self._first else obs)
        try:
            self._socket.send(request)
        except WebSocketException as error:
            raise UserError(f"{self.uri}: connection lost ({error})") from None
        answer = self._receive()
        self._first = False
        return answer

    def _receive(self) -> dict[str, Any]:
        try:
            data = self._socket.recv(self.timeout)
        except TimeoutError:
            self.close()  # a late answer would be taken for the next one
            raise UserError(f"{self.uri}: no answer in {self.timeout:g} s; connect again") from None
        except WebSocketException as error:
            raise UserError(f"{self.uri}: connection lost ({error})") from None
        if isinstance(data, str):
            raise UserError(data)
        return unpack(data)

    def close(self) -> None:
        """Say goodbye."""
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
