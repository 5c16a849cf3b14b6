"""Run by test_robomimic.py in a process of its own: robomimic 0.3.0 reads a file, builds and replays it."""

from __future__ import annotations

import json
import sys

import h5py
import stand_ins  # noqa: F401

# isort: split

import robomimic.utils.env_utils as env_utils
import robomimic.utils.file_utils as file_utils
import robomimic.utils.obs_utils as obs_utils
from robomimic.utils.dataset import SequenceDataset

path = sys.argv[1]
keys = ["robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos", "object"]
obs_utils.initialize_obs_utils_with_obs_specs({"obs": {"low_dim": keys, "rgb": []}})
dataset = SequenceDataset(
    path,
    obs_keys=keys,
    dataset_keys=["actions", "rewards", "dones"],
    seq_length=4,
    hdf5_cache_mode=None,
    load_next_obs=False,
)
window = dataset[0]
env = env_utils.create_env_from_metadata(
    file_utils.get_env_metadata_from_dataset(path), render=False, render_offscreen=False, use_image_obs=False
)
with h5py.File(path, "r") as file:
    demo = file["data/demo_0"]
    start = {"states": demo["states"][0], "model": demo.attrs["model_file"]}
    actions, first = demo["actions"][:], demo["obs/object"][0]
env.reset()
obs = env.reset_to(start)
succeeded = False
for action in actions:
    env.step(action)
    succeeded = succeeded or bool(env.is_success()["task"])
result = {
    "windows": len(dataset),
    "shapes": {**{key: value.shape for key, value in window["obs"].items()}, "actions": window["actions"].shape},
    "env": env.name,
    "first_object_error": float(abs(obs["object"] - first).max()),
    "succeeded": succeeded,
}
print("RESULT " + json.dumps(result))
