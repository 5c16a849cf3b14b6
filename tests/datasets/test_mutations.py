"""Property: of any small file, changed anyhow, loading gives the right arrays or a `UserError`, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energyflow.core.errors import UserError
from energyflow.datasets.format import load_demos
from tests.datasets.files import write

TYPES = ("f2", "f4", "f8", ">f8", "i1", "u1", "i8", "u8", "?", "c8", "S4")
NAMES = ("demo_0", "demo_01", "demo_", "demo_-1", "demo_²", "demo1", "x", "demo_9" * 30)
KEYS = ("actions", "obs/joints", "obs/tool", "obs/new", "rewards", "dones", "success", "obs")

shapes = st.lists(st.sampled_from([0, 1, 2, 5, 6, 7]), max_size=4).map(tuple)
arrays = st.tuples(st.just("array"), st.sampled_from(KEYS), st.sampled_from(TYPES), shapes, st.integers(0, 9))
values = st.tuples(st.just("value"), st.sampled_from(KEYS[:4]), st.floats(width=64), st.integers(0, 5))
moves = st.tuples(st.just("rename"), st.sampled_from(NAMES))
drops = st.tuples(st.just("drop"), st.sampled_from([*KEYS, "../demo_1", "../../data"]))
links = st.tuples(
    st.just("link"), st.sampled_from(KEYS), st.sampled_from(["/data", "/nowhere", ".", "/data/demo_1/obs"])
)
outside = st.tuples(st.just("external"), st.sampled_from(KEYS), st.sampled_from(["none.h5", ".", "/", "self"]))
masks = st.tuples(
    st.just("mask"), st.lists(st.sampled_from([b"demo_0", b"demo_1", b"demo_5", b"", b"\xff"]), max_size=3)
)
attributes = st.tuples(st.just("env_args"), st.text(max_size=20) | st.integers() | st.binary(max_size=9).map(np.void))
bits = st.tuples(st.just("bits"), st.integers(0, 10**6), st.integers(1, 255))
cuts = st.tuples(st.just("cut"), st.integers(0, 10**6))
mutations = st.lists(
    arrays | values | moves | drops | links | outside | masks | attributes | bits | cuts, min_size=1, max_size=3
)


def mutate(path: Path, change: tuple[Any, ...]) -> None:
    kind, *given = change
    if kind in ("bits", "cut"):
        content = bytearray(path.read_bytes())
        if content and kind == "bits":
            content[given[0] % len(content)] ^= given[1]
        path.write_bytes(content if kind == "bits" else content[: given[0] % (len(content) + 1)])
        return
    with h5py.File(path, "r+") as file:
        demo: Any = file["data/demo_0"]
        if kind == "rename":
            file["data"].move("demo_0", given[0])
        elif kind == "mask":
            file["mask/train"] = np.array(given[0], "S8")
        elif kind == "env_args":
            file["data"].attrs["env_args"] = given[0]
        elif kind == "value":
            flat = demo[given[0]]
            flat[given[2] % len(flat)] = given[1]
        elif kind == "drop":
            del demo[given[0]]
        else:
            if given[0] in demo:
                del demo[given[0]]
            if kind == "array":
                _, dtype, shape, seed = given
                demo[given[0]] = np.random.default_rng(seed).uniform(-2, 2, shape).astype(dtype)
            elif kind == "link":
                demo[given[0]] = h5py.SoftLink(given[1])
            else:
                demo[given[0]] = h5py.ExternalLink(given[1] if given[1] != "self" else str(path), "/data")


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutations)
def test_loading_ends_right_or_in_one_line(changes: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "lab.hdf5"), length=6, count=2)
        for change in changes:
            try:
                mutate(path, change)
            except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError):
                continue  # one mutation has made the next one impossible
        demos, problem = None, ""
        try:
            demos = load_demos(path)
        except UserError as error:
            problem = str(error)
        if demos is None:
            assert str(path) in problem
            assert "\n" not in problem
            return
        assert demos.obs_dim == sum(demos.layout.values())
        for episode in demos.episodes:
            length = len(episode.actions)
            assert length > 0
            assert episode.obs.shape == (length, demos.obs_dim)
            assert episode.actions.shape == (length, demos.action_dim)
            assert episode.rewards.shape == episode.success.shape == (length,)
            assert np.isfinite(episode.obs).all()
            assert np.isfinite(episode.actions).all()
            assert np.abs(episode.actions).max() <= 1.0 + 1e-6
        if any(change[0] in ("bits", "cut") for change in changes):
            return  # the data themselves may have changed
        with h5py.File(path) as file:
            for name, episode in zip(_read(file, demos.filter_key), demos.episodes, strict=True):
                raw = np.asarray(file[f"data/{name}/actions"], dtype=np.float64).reshape(len(episode.actions), -1)
                if demos.box is None:
                    np.testing.assert_array_equal(episode.actions, raw)
                else:
                    middle, half = demos.box.mean(axis=0), (demos.box[1] - demos.box[0]) / 2
                    np.testing.assert_allclose(
                        middle + half * episode.actions, raw, rtol=0, atol=1e-15 * float(half.max() + 1)
                    )
                parts = [np.asarray(file[f"data/{name}/obs/{key}"], np.float64) for key in demos.obs_keys]
                joined = np.concatenate([part.reshape(len(part), -1)[: len(raw)] for part in parts], axis=1)
                np.testing.assert_array_equal(episode.obs, joined)


def _read(file: Any, filter_key: str) -> list[str]:
    if filter_key == "all":
        names = [name for name in file["data"] if name.startswith("demo")]
    else:
        names = list({name.decode() for name in file["mask/train"][:]})
    return sorted(names, key=lambda name: (int(name[5:]), name))
