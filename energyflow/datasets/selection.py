"""Which demonstrations of a file are read, and which of their observations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from energyflow.core.errors import UserError, nearest
from energyflow.datasets.reading import DemoFile
from energyflow.envs.robomimic.tasks import LOW_DIM

TRAIN, EVERY = "train", "all"  # filter keys: robomimic's usual one, and every demonstration of the file


def masks(file: DemoFile) -> tuple[str, ...]:
    """The filter keys of a file: named lists of demonstrations, as robomimic's split script writes them."""
    return tuple(file.names("mask")) if file.has("mask") else ()


def demo_names(file: DemoFile, filter_key: str | None) -> tuple[str, list[str]]:
    """The filter key in use, and the names of its demonstrations, in the order of their numbers.

    Raises:
        UserError: there is no such key, it names what is not there, or demonstrations are not named demo_N.
    """
    if "data" not in file.names("/"):
        raise file.error("", "no group 'data'; is this a robomimic low_dim file?")
    held, known = file.names("data"), masks(file)
    chosen = filter_key or (TRAIN if TRAIN in known else EVERY)
    if chosen == EVERY and EVERY not in known:
        names = [name for name in held if _is_demo(file, name)]
    elif chosen in known:
        names = list(dict.fromkeys(file.texts(f"mask/{chosen}")))
        for name in names:
            if name not in held:
                raise file.error(f"mask/{chosen}", f"names '{name}', which is not in data; {nearest(name, held)}")
        if filter_key is None:
            file.say(
                f"mask/{chosen}",
                f"{len(names)} of {len(held)} demonstrations are used; --filter-key {EVERY}: every one",
            )
    else:
        raise file.error("mask", f"no filter key '{chosen}'; {nearest(chosen, [*known, EVERY])}")
    wrong = [name for name in names if not re.fullmatch(r"demo_[0-9]+", name)]
    if wrong:
        raise file.error(
            f"data/{wrong[0]}",
            f"demonstrations are named demo_0, demo_1, ...; there are {_some(held)}: rename in a copy",
        )
    if not names:
        raise file.error("data", f"holds no demonstrations demo_0, demo_1, ..., but {_some(held)}")
    return chosen, sorted(names, key=lambda name: (int(name[5:]), name))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"


def _is_demo(file: DemoFile, name: str) -> bool:
    """Whether it is read: what is named otherwise and holds no actions is something else."""
    key = f"data/{name}"
    return name.startswith("demo") or (file.is_group(key) and "actions" in file.names(key))


def choose_keys(available: Iterable[str]) -> tuple[str, ...]:
    """Observation keys of a file, in order: robomimic's low-dimensional ones if they are there, else all of them."""
    found = set(available)
    usual = tuple(key for key in LOW_DIM if key in found)
    return usual if {"object", "robot0_eef_pos"} <= found else tuple(sorted(found))


def observation_keys(file: DemoFile, demo: str, asked: Sequence[str] | None) -> tuple[str, ...]:
    """What is observed: the keys that were asked for, or those of the first demonstration that are plain vectors.

    Raises:
        UserError: one that was asked for is missing or no vector of numbers, or none is left.
    """
    place = f"data/{demo}/obs"
    if not file.is_group(place):
        raise file.error(place, "is no group of observations; is this a robomimic low_dim file?")
    if asked is not None:
        if not asked or len(set(asked)) < len(asked):
            raise UserError(f"train.obs_keys: {list(asked)}: expected one or more keys, each once")
        for key in asked:
            if problem := file.objection(f"{place}/{key}"):
                raise file.error(f"{place}/{key}", f"{problem}; leave it out of train.obs_keys")
        return tuple(asked)
    keys = []
    for key in choose_keys(file.names(place)):
        problem = file.objection(f"{place}/{key}") or _is_answer(file, demo, key)
        if problem:
            file.say(f"{place}/{key}", f"{problem}; left out of the observations (train.obs_keys says which are in)")
        else:
            keys.append(key)
    if not keys:
        raise file.error(place, f"no observations that are vectors of numbers; there are {_some(file.names(place))}")
    return tuple(keys)


def _is_answer(file: DemoFile, demo: str, key: str) -> str:
    """Say so if an observation is the action that is to be predicted from it."""
    observed, actions = f"data/{demo}/obs/{key}", f"data/{demo}/actions"
    if file.objection(actions) or file.shape(observed) != file.shape(actions):
        return ""
    obs = file.array(observed)
    same = len(obs) > 1 and np.array_equal(obs, file.array(actions)) and np.ptp(obs) > 0
    return "equals the actions, which are to be predicted" if same else ""
