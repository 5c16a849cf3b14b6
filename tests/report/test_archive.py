"""Packed rows give every byte back, are the same bytes whoever packs them, and say where they are damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from energyflow.config.layout import INDEX, RECORDS
from energyflow.core.errors import UserError
from energyflow.core.files import json_text
from energyflow.report import archive
from energyflow.report.archive import Packed

TABLE = "evaluate_episodes.csv.gz"


def as_packed(files: list[Path]) -> tuple[Packed, dict[str, str]]:
    """Synthetic results and the tables that they belong to: one for each stage and name."""
    texts = {str(path): path.read_bytes().decode() for path in files}
    stages = {str(path): path.parts[path.parts.index("laptop") + 1] for path in files}
    tables = {f: f"{stages[f]}_{Path(f).stem}.csv.gz" for f in texts if f.endswith(".csv")}
    return Packed(texts, {str(Path(f).parent): {"rule": "r", "endtime": 1.25} for f in texts}), tables


def test_every_byte_comes_back_and_pandas_reads_the_tables(results: list[Path], tmp_path: Path) -> None:
    packed, tables = as_packed(results)
    archive.write(tmp_path, packed, tables)
    assert archive.read(tmp_path) == packed
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*tables.values(), INDEX, RECORDS})
    rows = [path for path in results if path.name == "episodes.csv" and "evaluate" in path.parts]
    frame = pd.read_csv(tmp_path / TABLE)
    assert frame["file"].nunique() == len(rows)
    expected = pd.concat([pd.read_csv(path) for path in sorted(rows)], ignore_index=True)
    pd.testing.assert_frame_equal(frame.drop(columns="file"), expected)


def test_equal_content_is_equal_bytes(results: list[Path], tmp_path: Path) -> None:
    for name, files in (("first", results[:40]), ("second", results[:40][::-1])):
        archive.write(tmp_path / name, *as_packed(files))
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("first", "second"))
    assert first == second


@pytest.mark.parametrize(
    "text",
    [
        "step,loss\n1,0.1\n2,\n",
        "step,success,loss\n1,1,\n",  # another file of the table has other columns, in another order
        'step,note\n1,"a, ""b"""\n2,"two\nlines"\n',
        "step\n",
        "loss,step\n1e-05,007\n-0.0,1\n",
    ],
)
def test_text_is_kept_as_it_is(text: str, tmp_path: Path) -> None:
    files = {"a/train.csv": text, "b/train.csv": "lr,step,loss\n0.1,1,2\n", "c/run.json": json_text({"x": 0.1})}
    tables = dict.fromkeys(["a/train.csv", "b/train.csv"], "train_train.csv.gz")
    archive.write(tmp_path, Packed(files), tables)
    assert archive.read(tmp_path).texts == files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.csv", ""),
        ("train.csv", "a,b\r\n1,2\r\n"),
        ("train.csv", "a,b\n1,2"),
        ("train.csv", "file,b\n1,2\n"),
        ("run.json", '{"a":1}\n'),
        ("run.json", "{"),
        ("run.json", '{\n  "a": NaN\n}\n'),
    ],
)
def test_what_would_not_come_back_is_refused(name: str, text: str, tmp_path: Path) -> None:
    tables = {"here/train.csv": "train_train.csv.gz"}
    with pytest.raises(UserError, match=rf"^here/{name}: not .* as a job writes (it|them)"):
        archive.write(tmp_path, Packed({f"here/{name}": text}), tables)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def reorder(path: Path) -> None:
    """As of another state of the repository: a table of fewer files."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress("\n".join([lines[0].replace("level", "lvl"), *lines[1:]]).encode()))


@pytest.mark.parametrize("name", [TABLE, INDEX, RECORDS])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "no archive"])
def test_damage_is_one_line_that_names_the_file(name: str, damage: str, results: list[Path], tmp_path: Path) -> None:
    archive.write(tmp_path, *as_packed(results[:40]))
    path = tmp_path / name
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-20])
        case "flipped":
            flip(path)
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "no archive":
            path.write_text("rows\n")
    with pytest.raises(UserError, match=name) as error:
        archive.read(tmp_path)
    assert "\n" not in str(error.value)


def test_a_table_of_another_state_is_told(results: list[Path], tmp_path: Path) -> None:
    archive.write(tmp_path, *as_packed(results[:40]))
    reorder(tmp_path / TABLE)
    with pytest.raises(UserError, match=rf"{TABLE}: damaged, or not packed with .*{INDEX}.*git checkout it"):
        archive.read(tmp_path)


def test_a_table_without_files_goes_and_none_is_an_empty_archive(results: list[Path], tmp_path: Path) -> None:
    assert archive.read(tmp_path / "nothing") == Packed()
    archive.write(tmp_path, *as_packed(results[:40]))
    archive.write(tmp_path, Packed(), {})
    assert {path.name for path in tmp_path.iterdir()} == {INDEX, RECORDS}
    assert archive.read(tmp_path) == Packed()


def test_a_table_that_other_software_compressed_stays(results: list[Path], tmp_path: Path) -> None:
    packed, tables = as_packed(results[:40])
    archive.write(tmp_path, packed, tables)
    path = tmp_path / TABLE
    other = gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1)
    path.write_bytes(other)
    archive.write(tmp_path, packed, tables)
    assert path.read_bytes() == other
    line = json.loads(gzip.decompress((tmp_path / INDEX).read_bytes()).splitlines()[0])
    assert set(line) == {"file", "table", "columns"}
