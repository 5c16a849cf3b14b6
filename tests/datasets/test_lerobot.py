"""LeRobot folders of both versions: every number arrives, pictures do not, and what is damaged is named."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyflow.core.errors import UserError
from energyflow.core.files import sha256
from energyflow.datasets.format import load_demos
from energyflow.datasets.formats import as_demos
from energyflow.datasets.lerobot import read_lerobot

pytest.importorskip("pyarrow")

import pyarrow
from pyarrow import parquet

from tests.datasets.lerobot_folders import FEATURES, episode, table, write_folder

VERSIONS = ["v2.1", "v3.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_number_of_every_episode_arrives(tmp_path: Path, version: str) -> None:
    written = write_folder(tmp_path / "reach", version)
    found = read_lerobot(tmp_path / "reach")
    assert (found.format, found.name, found.environment, found.rate) == (f"LeRobot {version}", "reach", "so100", 10)
    assert found.layout == {"observation.state": 3, "observation.effort": 1}
    assert list(found.left_out) == ["observation.images.front"]
    assert len(found.episodes) == len(written)
    for mine, theirs in zip(found.episodes, written, strict=True):
        np.testing.assert_array_equal(mine.obs["observation.state"], theirs["observation.state"])
        np.testing.assert_array_equal(mine.obs["observation.effort"][:, 0], theirs["observation.effort"])
        np.testing.assert_array_equal(mine.actions, theirs["action"])
        np.testing.assert_array_equal(mine.rewards, theirs["next.reward"])
        np.testing.assert_array_equal(mine.success, theirs["next.success"])


def test_both_versions_of_the_same_data_are_the_same_demonstrations(tmp_path: Path) -> None:
    for version in VERSIONS:
        write_folder(tmp_path / version / "reach", version)
    old, new = (load_demos(as_demos(tmp_path / version / "reach", tmp_path / "made")) for version in VERSIONS)
    assert old.task == new.task == "custom/reach"
    assert old.env_args["env_name"] == "so100"
    assert old.env_args["env_kwargs"] == {"control_freq": 10}
    for mine, theirs in zip(old.episodes, new.episodes, strict=True):
        np.testing.assert_array_equal(mine.obs, theirs.obs)
        np.testing.assert_array_equal(mine.actions, theirs.actions)


def test_vectors_may_be_lists_of_any_length_as_long_as_all_are_equal(tmp_path: Path) -> None:
    written = write_folder(tmp_path / "reach")
    path = tmp_path / "reach/data/chunk-000/file-001.parquet"
    place = parquet.read_schema(path).get_field_index("action")
    for cut, message in ((0, ""), (1, r"file-001\.parquet: action: 1 numbers in a row, but 2 by shape")):
        rows = written[2]["action"].tolist()
        rows[4] = rows[4][cut:]
        parquet.write_table(table(written[2]).set_column(place, "action", pyarrow.array(rows)), path)
        if message:
            with pytest.raises(UserError, match=message):
                read_lerobot(tmp_path / "reach")
        else:
            actions = read_lerobot(tmp_path / "reach").episodes[2].actions
            np.testing.assert_allclose(actions, written[2]["action"])


def test_episodes_are_found_in_whatever_order_rows_lie(tmp_path: Path) -> None:
    """Version 3.0 joins episodes; the rows of one are those of its number."""
    written = write_folder(tmp_path / "reach")
    path = tmp_path / "reach/data/chunk-000/file-000.parquet"
    swapped = {key: np.concatenate([written[1][key], written[0][key]]) for key in written[0]}
    parquet.write_table(table(swapped), path)
    for mine, theirs in zip(read_lerobot(tmp_path / "reach").episodes, written, strict=True):
        np.testing.assert_array_equal(mine.actions, theirs["action"])


def test_splits_become_lists_that_training_holds_out(tmp_path: Path) -> None:
    write_folder(tmp_path / "reach", splits={"train": "0:2", "val": "2:3"})
    path = as_demos(tmp_path / "reach", tmp_path / "made")
    assert load_demos(path).filter_keys == ("train", "valid")
    assert len(load_demos(path).episodes) == 2
    assert [len(each.actions) for each in load_demos(path, filter_key="valid").episodes] == [14]


def test_a_converted_file_is_made_once_and_anew_where_the_source_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "energyflow")
    for lab, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_folder(tmp_path / lab / "reach", seed=seed)
    made = tmp_path / "made"
    first = as_demos(tmp_path / "a/reach", made)
    assert "observation.images.front: pictures (video)" in caplog.text
    written = first.stat().st_mtime_ns
    assert as_demos(tmp_path / "b/reach", made) == first  # the same data elsewhere
    assert first.stat().st_mtime_ns == written
    assert as_demos(tmp_path / "c/reach", made) != first
    digest = sha256(first)
    first.unlink()
    assert sha256(as_demos(tmp_path / "a/reach", made)) == digest
    assert not list(made.rglob("*.tmp"))


def edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """A change of `info.json`."""

    def apply(folder: Path) -> None:
        path = folder / "meta/info.json"
        said = json.loads(path.read_text())
        change(said)
        path.write_text(json.dumps(said))

    return apply


def shape(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda said: said["features"][key].update(shape=value)


def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A change of the rows of the last episode."""

    def apply(folder: Path) -> None:
        rows = episode(2, 14)
        change(rows)
        parquet.write_table(table(rows), folder / "data/chunk-000/file-001.parquet")

    return apply


def put_nan(rows: dict[str, Any]) -> None:
    rows["observation.state"][3, 1] = np.nan


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "version": (edit(lambda said: said.update(codebase_version="v1.6")), r"info\.json: codebase_version: is 'v1\.6'"),
    "no version": (edit(lambda said: said.pop("codebase_version")), r"info\.json: codebase_version: is None"),
    "no action": (edit(lambda said: said["features"].pop("action")), r"features: has no 'action'; "),
    "no features": (edit(lambda said: said.pop("features")), r"features: is no description"),
    "only pictures": (
        edit(lambda said: [said["features"].pop(f"observation.{key}") for key in ("state", "effort")]),
        r"no observation\.\* that is a vector of numbers; there are \['observation\.images\.front'\]",
    ),
    "rate": (edit(lambda said: said.update(fps=0)), r"info\.json: fps: is 0"),
    "template": (edit(lambda said: said.update(data_path="{file}.parquet")), r"data_path: '\{file\}\.parquet' is no"),
    "way out": (
        edit(lambda said: said.update(data_path="../../{chunk_index}/{file_index}")),
        r"data_path: .* leads out of the folder",
    ),
    "width": (edit(shape("action", [3])), r"file-000\.parquet: action: 2 numbers in a row, but 3 by shape"),
    "no shape": (edit(shape("action", "two")), r"features\.action\.shape: is 'two'"),
    "scalar": (edit(shape("observation.effort", [2])), r"observation\.effort: 1 numbers in a row, but 2"),
    "count": (edit(lambda said: said.update(total_episodes=5)), r"total_episodes: is 5, but meta/episodes lists 3"),
    "split": (
        edit(lambda said: said.update(splits={"train": "0:2", "val": "2:9"})),
        r"splits\.val: is 2:9, of 3 episodes",
    ),
    "no data": (lambda folder: (folder / "data/chunk-000/file-001.parquet").unlink(), r"file-001\.parquet: no such"),
    "cut off": (
        lambda folder: (folder / "data/chunk-000/file-001.parquet").write_bytes(b"PAR1"),
        r"file-001\.parquet: cannot be read as Parquet",
    ),
    "no index": (
        lambda folder: (folder / "meta/episodes/chunk-000/file-000.parquet").unlink(),
        r"meta/episodes: no Parquet file",
    ),
    "short": (
        rewrite(lambda rows: rows.update({key: values[:9] for key, values in rows.items()})),
        r"episode 2: 9 frames, but meta/episodes says 14",
    ),
    "other episode": (
        rewrite(lambda rows: rows.update(episode_index=np.full(14, 7))),
        r"episode 2: 0 frames, but meta/episodes says 14",
    ),
    "gap": (rewrite(lambda rows: rows["frame_index"].__setitem__(5, 9)), r"frame_index: does not count 0, 1, \.\.\."),
    "nan": (rewrite(put_nan), r"episode 2: observation\.state: NaN or infinity at step 3"),
    "column": (rewrite(lambda rows: rows.pop("action")), r"file-001\.parquet: no column 'action'"),
    "text": (
        rewrite(lambda rows: rows.update({"action": np.full(14, "left")})),
        r"action: holds string, not a vector of numbers",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_one_line_with_file_and_key(tmp_path: Path, damage: str) -> None:
    write_folder(tmp_path / "reach")
    spoil, message = DAMAGES[damage]
    spoil(tmp_path / "reach")
    with pytest.raises(UserError, match=message) as caught:
        as_demos(tmp_path / "reach", tmp_path / "made")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("", r"lists no episode"), ('{"length": 3}', r"line 1: no episode_index"), ("{", "line 1: no episode_index")],
)
def test_a_damaged_index_of_version_2(tmp_path: Path, text: str, message: str) -> None:
    write_folder(tmp_path / "reach", "v2.1")
    (tmp_path / "reach/meta/episodes.jsonl").write_text(text)
    with pytest.raises(UserError, match=message):
        read_lerobot(tmp_path / "reach")


def test_without_pyarrow_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "reach")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"file-000\.parquet: is Parquet: pip install 'energyflow\[lerobot\]'"):
        read_lerobot(tmp_path / "reach")


def test_what_is_no_vector_is_left_out_and_said(tmp_path: Path) -> None:
    more = {
        "observation.depth": {"dtype": "float32", "shape": [4, 4]},
        "observation.words": {"dtype": "string", "shape": [1]},
    }
    write_folder(tmp_path / "reach", features=FEATURES | more)
    left = read_lerobot(tmp_path / "reach").left_out
    assert left["observation.depth"] == "arrays of shape [4, 4] at each step, not a vector"
    assert left["observation.words"] == "holds string, no numbers"


def test_frames_that_are_not_one_period_apart_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "energyflow")
    write_folder(tmp_path / "reach")
    rewrite(lambda rows: rows.update(timestamp=rows["timestamp"] * 2))(tmp_path / "reach")
    read_lerobot(tmp_path / "reach")
    assert "episode 2: timestamp: 0.2 s after step 0, not 1/10 s" in caplog.text
