"""A demonstration as a moving picture: its stored states, rendered off screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.datasets.format import load_demos
from energyflow.datasets.reading import DemoFile
from energyflow.datasets.selection import demo_names
from energyflow.envs.simulator import Array, Filmable
from energyflow.envs.tasks import CUSTOM, make_env, suite_of

HEIGHT, WIDTH = 180, 240
EVERY = 5  # control steps from picture to picture
MILLISECONDS = 100  # that a picture stays: 2.5 times the speed of the simulation
COLOURS = 48


def images(task: str, env: Filmable, states: Iterable[Array]) -> Iterator[NDArray[np.uint8]]:
    """Render stored states off screen: [HEIGHT, WIDTH, 3] each.

    Raises:
        UserError: this machine has no OpenGL that works without a screen.
    """
    try:
        renderer = mujoco.Renderer(env.mujoco_model, HEIGHT, WIDTH)
    except Exception as error:
        raise UserError(
            f"{task}: no off-screen OpenGL ({error}); install libegl1 and libgl1-mesa-dri, or set MUJOCO_GL to"
            " another of MuJoCo's back ends"
        ) from None
    with renderer:
        for state in states:
            env.draw(state, renderer)
            yield renderer.render()


def write_video(demos: Path, out: Path) -> None:
    """Render the first demonstration of a file as an animated GIF.

    Raises:
        UserError: the file is damaged, stores no states, or is of a suite that is not filmed; or this machine has no
            OpenGL that works without a screen.
    """
    task = load_demos(demos).task
    if task.startswith(f"{CUSTOM}/") or not suite_of(task).filmed:
        raise UserError(f"{demos}: {task}: its demonstrations store no states to render")
    with DemoFile(demos) as file:
        _, names = demo_names(file, None)
        states = file.array(f"data/{names[0]}/states")[::EVERY]
    env = make_env(task)
    assert isinstance(env, Filmable)
    env.reset(0)
    frames = images(task, env, states)
    rendered = tqdm(frames, desc=f"film {task}", unit="picture", total=len(states), mininterval=2.0)
    pictures = [Image.fromarray(image).quantize(COLOURS, dither=Image.Dither.NONE) for image in rendered]
    with atomic_path(out) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=MILLISECONDS,
            loop=0,
            optimize=True,
        )
