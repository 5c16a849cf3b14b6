"""One robot under a policy, an observation and an action at a time.

    time      t-1    t    t+1   ...  t+7   t+8
    obs        o      o    o    ...   o     o       one a call
    plan              x                     x       of the last To observations, when the queue is empty
    action            a    a    ...   a     a       one a call, from the queue of exec_horizon

Plans are those of the rollouts (`learning.evaluation.planner`), so an episode here is, bit for bit, the episode that
`envs.rollout` runs alone in one simulator with the same generator.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from energyflow.config.sections import DECODERS, Decoder
from energyflow.core.errors import UserError, nearest
from energyflow.core.seeding import torch_generator
from energyflow.learning.evaluation import planner
from energyflow.policies.base import Policy
from energyflow.policies.checkpoint import load
from energyflow.policies.interface import as_batch

Action = NDArray[np.float64]


class Runner:
    """`reset()` begins an episode, `action = runner(obs)` is one control step of it.

    Attributes:
        low: [Da] least action, environment units: of the demonstrations, and of the caller where that is narrower.
        high: [Da] greatest action, likewise.
        planned: plans that were made so far.
        limited: actions that range or rate changed so far.
    """

    def __init__(
        self,
        policy: Policy | str | Path,
        *,
        seed: int = 0,
        decoder: Decoder = "sample",
        nfe: int | None = None,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        rate: ArrayLike | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take a policy, and what its actions may be.

        Args:
            policy: trained, on any device; or where its checkpoint lies.
            seed: of the noise that plans are drawn from.
            decoder: `sample`: a draw; `mean`: the mean, or the nearest thing that the method has.
            nfe: network evaluations of a plan; the method's own number by default.
            low: least action, environment units: one number, or [Da].
            high: greatest action, likewise.
            rate: greatest change of an action from one call to the next, likewise.
            generator: draws the noise in place of one made of `seed`.

        Raises:
            UserError: the checkpoint cannot be read, there is no such decoder, or the limits leave no action.
        """
        if decoder not in DECODERS:
            raise UserError(f"unknown decoder '{decoder}'; {nearest(decoder, DECODERS)}")
        if nfe is not None and nfe < 1:
            raise UserError(f"nfe is {nfe}: a plan takes at least one network evaluation")
        self.policy = policy if isinstance(policy, Policy) else load(policy)
        device = next(self.policy.parameters()).device
        noise = generator or torch_generator(seed, "runner", device)
        self._plan = planner(self.policy, noise, nfe or self.policy.nfe, decoder)
        self._one = replace(self.policy.spec, obs_horizon=1)
        statistics = self.policy.normalizer
        self.low = np.maximum(self._limit("low", low, -np.inf), statistics.action_low.cpu().numpy())
        self.high = np.minimum(self._limit("high", high, np.inf), statistics.action_high.cpu().numpy())
        self.rate = self._limit("rate", rate, np.inf)
        if bool((self.low > self.high).any() or (self.rate <= 0).any()):
            raise UserError(f"limits leave no action: low {self.low}, high {self.high}, rate {self.rate}")
        self.planned = self.limited = 0
        self._frames: list[Action] = []
        self._queue: deque[Action] = deque()
        self._steps = -1  # of the running episode
        self._last: Action | None = None

    def _limit(self, name: str, given: ArrayLike | None, default: float) -> Action:
        """A limit as [Da]."""
        values = _numbers(name, default if given is None else given)
        if values.shape not in ((), (self.policy.spec.action_dim,)) or bool(np.isnan(values).any()):
            raise UserError(f"{name} = {given!r}: expected a number, or {self.policy.spec.action_dim} of them")
        return np.broadcast_to(values, self.policy.spec.action_dim)

    def reset(self, action: ArrayLike | None = None) -> None:
        """Begin an episode; the noise goes on where it is.

        Args:
            action: [Da] what the robot is told to do now: the first action changes from there by at most `rate`.

        Raises:
            UserError: that is no action of this policy.
        """
        last = None if action is None else self._limit("action", action, 0.0)
        self._frames, self._steps, self._last = [], 0, last
        self._queue.clear()

    def __call__(self, obs: ArrayLike | Mapping[str, ArrayLike]) -> Action:
        """One control step.

        Args:
            obs: [Do], or a number or [D] for each trained key; environment units. Further keys are ignored.

        Returns:
            [Da], environment units, within the limits.

        Raises:
            UserError: no episode has begun; a key is missing, a width is wrong, a value is no finite number, or is so
                large that the plan is none. The episode is as it was before the call.
        """
        if self._steps < 0:
            raise UserError("call reset() before the first observation of an episode")
        frame = self._frame(obs)
        frames = [*self._frames[1:], frame] if self._frames else [frame] * self.policy.spec.obs_horizon
        if not self._queue:
            with np.errstate(over="ignore", invalid="ignore"):
                plan = self._plan(np.stack(frames)[None], np.array([self._steps]))[0]
            if not np.isfinite(plan).all():
                raise UserError("the plan holds NaN or infinity: the observations are far outside the demonstrations")
            self._queue.extend(plan)
            self.planned += 1
        self._frames, self._steps = frames, self._steps + 1
        return self._within(self._queue.popleft())

    def _frame(self, obs: ArrayLike | Mapping[str, ArrayLike]) -> Action:
        """An observation as [Do], checked."""
        if isinstance(obs, Mapping):
            wanted = [key for key in self.policy.spec.obs_keys if key in obs]
            batch, _ = as_batch({key: np.atleast_1d(_numbers(key, obs[key]))[None] for key in wanted}, self._one)
        else:
            batch, _ = as_batch(np.atleast_1d(_numbers("observation", obs))[None], self._one)
        frame: Action = batch.numpy()[0, 0]
        return frame

    def _within(self, planned: Action) -> Action:
        """The planned action, within range and rate."""
        action = planned.clip(self.low, self.high)
        if self._last is not None:
            action = action.clip(self._last - self.rate, self._last + self.rate)
        self.limited += not np.array_equal(action, planned)
        self._last = action
        return action


def _numbers(name: str, values: Any) -> Any:
    """An array of numbers; what is on an accelerator comes to the CPU.

    Raises:
        UserError: it is none.
    """
    try:
        found = np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: no array of numbers ({error})") from None
    if found.dtype.kind not in "fiub":
        raise UserError(f"{name}: no array of numbers, but {found.dtype}")
    return found.astype(np.float64)
