"""Import before robomimic 0.3.0: it imports torchvision and mujoco_py whatever it is used for; empty modules do."""

from __future__ import annotations

import sys
import types
from typing import Any


def stand_in(name: str, **attributes: Any) -> types.ModuleType:
    """Register an empty module under a name."""
    module = types.ModuleType(name)
    for key, value in attributes.items():
        setattr(module, key, value)
    sys.modules[name] = module
    return module


functional = stand_in("torchvision.transforms.functional")
transforms = stand_in("torchvision.transforms", functional=functional)
for missing in ("Lambda", "Compose", "Resize", "CenterCrop", "Normalize"):
    setattr(transforms, missing, None)
stand_in("torchvision", transforms=transforms, models=stand_in("torchvision.models"))
stand_in("mujoco_py", builder=stand_in("mujoco_py.builder", MujocoException=Exception))
