"""The command line on data of other formats, and what a shell and a packager ask of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import energyflow
from energyflow.cli import main, parser
from energyflow.core.files import read_json
from tests.datasets.recordings import a_d4rl_file, a_minari_set

TINY = ["--preset", "smoke", "train.steps=3"]


@pytest.mark.parametrize("kind", ["LeRobot v2.1", "LeRobot v3.0", "Minari", "D4RL"])
def test_data_of_every_format_are_shown_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    source = tmp_path / "reach"
    if kind.startswith("LeRobot"):
        pytest.importorskip("pyarrow")
        from tests.datasets.lerobot_folders import write_folder

        write_folder(source, kind.split()[1])
        keys = ["observation.effort", "observation.state"]
    else:
        a_minari_set(source) if kind == "Minari" else a_d4rl_file(source)
        keys = ["observations"]
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert main(["data", str(source)]) == 0
    assert f"format          {kind}\n" in capsys.readouterr().out
    assert not list(Path.cwd().iterdir())
    assert main(["train", "--demos", str(source), *TINY]) == 0
    (made,) = Path("data/converted").rglob("*.hdf5")
    (run,) = [path.parent for path in Path("runs").rglob("model.json")]
    assert read_json(run / "model.json")["spec"]["obs_keys"] == keys
    assert read_json(run / "run.json")["inputs"].keys() == {str(made)}
    assert (run / "README.md").read_text().startswith("---\nlibrary_name: energyflow\n")
    assert main(["train", "--demos", str(source), *TINY]) == 0
    assert "already there" in capsys.readouterr().err


def test_one_line_for_a_source_that_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reach/meta").mkdir(parents=True)
    Path("reach/meta/info.json").write_text('{"codebase_version": "v9"}')
    for command in (["data", "reach"], ["train", "--demos", "reach", *TINY]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: reach/meta/info.json: codebase_version: is 'v9'")
        assert said.count("\n") == 1
    assert not Path("data").exists()


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"energyflow {energyflow.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_is_told_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", shell])
    script = capsys.readouterr().out
    for word in ("collect", "evaluate", "env-import", "filter-key"):
        assert word in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_completion_without_shtab_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["--print-completion", "bash"])
    assert "pip install 'energyflow[completion]'" in capsys.readouterr().err
