"""The kinds of damaged input: each makes its n-th trial from a seed alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.faults import mutations
from tests.faults.inputs import Inputs, comparable
from tests.faults.mutations import Rng
from tests.faults.trial import Trial, run

ODD = ("", "-1", "nan", "1e9", "9" * 20, "nowhere", ".", "/dev/null", "{}", "[]", "a;touch X", "\n")
Kind = Callable[[Inputs, Path, Rng], Trial]


def params(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """A section with another value in one place."""
    part = str(rng.choice(["train", "evaluate", "report"]))
    section, what, senseless = mutations.damage_json(getattr(inputs, part), rng)
    commands = {"train": inputs.train_command, "evaluate": inputs.evaluate_command, "report": inputs.table_command}
    return Trial(f"{part}.{what}", commands[part](folder / "out", section), senseless)


def command_line(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """An argument that is missing, unknown, or of another kind."""
    makers = (inputs.train_command, inputs.evaluate_command, inputs.table_command)
    argv = makers[int(rng.integers(len(makers)))](folder / "out")
    options = [index for index, one in enumerate(argv) if one.startswith("--")]
    at = int(rng.choice(options))
    what = str(rng.choice(["slip", "no value", "unknown", "odd value", "twice", "no command"]))
    if what == "slip":
        argv[at] = argv[at][:2] + "x" + argv[at][2:]
    elif what == "no value":
        del argv[at + 1]
    elif what == "unknown":
        argv += ["--unknown", "1"]
    elif what == "no command":
        argv[1] = str(rng.choice(["", "trian", "--", "job"]))
    elif what == "twice":
        argv += argv[at : at + 2]
    else:
        odd = [
            "",
            "-1",
            "nan",
            "1e9",
            "99999999999999999999",
            "nowhere",
            ".",
            "/dev/null",
            "{}",
            "[]",
            "a;touch X",
            "\n",
        ]
        argv[at + 1] = str(rng.choice(odd))
        what = f"{what} {argv[at]} {argv[at + 1]!r}"
    free = what == "twice" or (what.startswith("odd") and argv[at] in ("--out", "--outputs"))
    return Trial(f"{argv[1]}: {what}", argv, not free, cwd=folder)


def hdf5(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """Demonstrations of an odd structure, or with other bytes beside a manifest that says what they hold."""
    shutil.copytree(inputs.demos.parent, folder / "demos")
    path, out = folder / "demos/demos.hdf5", folder / "out"
    command = inputs.train_command(out, demos=path)
    if rng.random() < 0.3:  # some bytes hold nothing: the model is then the same
        return Trial(mutations.damage_bytes(path, rng), command, False, lambda: _same_weights(inputs, out))
    what, senseless = mutations.damage_hdf5(path, rng)
    return Trial(what, command, senseless)


def _same_weights(inputs: Inputs, out: Path) -> bool:
    return (out / "model.safetensors").read_bytes() == inputs.model.read_bytes()


def checkpoints(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """Other bytes in a model or its description."""
    shutil.copytree(inputs.model.parent, folder / "model")
    model = folder / "model/model.safetensors"
    what = mutations.damage_bytes(model.with_suffix(str(rng.choice([".safetensors", ".json"]))), rng)
    out = folder / "out"

    def same() -> bool:
        return bool(comparable(out / "episodes.csv") == comparable(inputs.rows))

    return Trial(what, inputs.evaluate_command(out, model=model), False, same)


def rows(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """Other rows than the job wrote, in a copy of the results."""
    shutil.copytree(inputs.root / "results", folder / "results")
    path = folder / inputs.rows.relative_to(inputs.root)
    what = mutations.damage_rows(path, rng)
    out = folder / "out"

    def same() -> bool:
        return bool(comparable(out / "success.csv") == comparable(inputs.table))

    return Trial(what, inputs.table_command(out, rows=path), False, same)


def resume(inputs: Inputs, folder: Path, rng: Rng) -> Trial:
    """A resume point with other bytes: the run must end as one that was never interrupted."""
    out = folder / "out"
    command = inputs.train_command(out)
    _interrupted(inputs, out)
    what = mutations.damage_bytes(out / str(rng.choice(["resume.safetensors", "resume.json"])), rng)
    return Trial(what, command, False, lambda: _same_weights(inputs, out))


def _interrupted(inputs: Inputs, out: Path) -> None:
    """What a run leaves that was killed after its last resume point; made once."""
    kept = inputs.root / "interrupted"
    if not kept.is_dir():
        blocked = inputs.root / "blocked"
        (blocked / "model.safetensors/x").mkdir(parents=True)  # so that the run fails when it writes its model
        ended = run(inputs.train_command(blocked))
        assert ended.status == 2, ended.said
        kept.mkdir()
        for name in ("resume.safetensors", "resume.json"):
            shutil.move(blocked / name, kept / name)
    shutil.copytree(kept, out)


KINDS: dict[str, Kind] = {
    "params": params,
    "command line": command_line,
    "hdf5": hdf5,
    "checkpoints": checkpoints,
    "rows": rows,
    "resume points": resume,
}


def rng_of(seed: int, kind: str, number: int) -> Rng:
    """The generator of one trial."""
    return np.random.default_rng([seed, *kind.encode(), number])
