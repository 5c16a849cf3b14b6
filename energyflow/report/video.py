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
from energyflow.envs.robomimic.simulator import RobomimicEnv
from energyflow.envs.simulator import Array

HEIGHT, WIDTH = 180, 240
EVERY = 5  # control steps from picture to picture
MILLISECONDS = 100  # that a picture stays: 2.5 times the speed of the simulation
COLOURS = 48
CAMERAS = {"robomimic/transport": "shouldercamera0"}  # where robomimic's usual view does not show it all


def images(env: RobomimicEnv, states: Iterable[Array], camera: str) -> Iterator[NDArray[np.uint8]]:
    """Render stored states off screen: [HEIGHT, WIDTH, 3] each.

    Raises:
        UserError: this machine has no OpenGL that works without a screen.
    """
    sim = env.env.sim
    model, data = sim.model._model, sim.data._data
    look = mujoco.MjvOption()
    look.geomgroup[0] = 0  # collision shapes
    look.sitegroup[:] = 0
    try:
        renderer = mujoco.Renderer(model, HEIGHT, WIDTH)
    except Exception as error:
        raise UserError(
            f"{env.task}: no off-screen OpenGL ({error}); install libegl1 and libgl1-mesa-dri, or set MUJOCO_GL to"
            " another of MuJoCo's back ends"
        ) from None
    with renderer:
        for state in states:
            sim.set_state_from_flattened(state)
            sim.forward()
            renderer.update_scene(data, camera, look)
            yield renderer.render()


def write_video(demos: Path, out: Path) -> None:
    """Render the first demonstration of a RoboMimic file as an animated GIF.

    Raises:
        UserError: the file is damaged, stores no states, or is of another suite.
        UserError: no OpenGL without a screen on this machine.
    """
    task = load_demos(demos).task
    if not task.startswith("robomimic/"):
        raise UserError(f"{demos}: {task}: only demonstrations of RoboMimic store the states to render")
    with DemoFile(demos) as file:
        _, names = demo_names(file, None)
        states = file.array(f"data/{names[0]}/states")[::EVERY]
    env = RobomimicEnv(task)
    env.reset(0)
    frames = images(env, states, CAMERAS.get(task, "agentview"))
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
