"""Minari's data sets by name, from the hub where the Farama Foundation keeps them.

`mujoco/hopper/medium-v0` is the folder `hopper/medium-v0` of the repository `datasets/farama-minari/mujoco`. The hub
lists sha256 and size of each large file; `download.fetch` resumes and checks, as it does for every file of this
project, so that no client library is needed. `HF_ENDPOINT` names a mirror, as it does for the hub's own client.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from energyflow.core.errors import UserError
from energyflow.core.files import json_text, write_text
from energyflow.datasets.download import TIMEOUT, fetch
from energyflow.datasets.minari import FILE, METADATA, data_folder

HUB = "https://huggingface.co"
OWNER = "farama-minari"
# Minari's ids: namespaces, a name and a version. Nothing in one can leave the folder that it is joined to.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*-v\d+")


def is_name(text: str) -> bool:
    """Whether a text has the form of Minari's ids, such as `mujoco/hopper/medium-v0`."""
    return NAME.fullmatch(text) is not None


def local_root() -> Path:
    """Where Minari keeps its data sets: `MINARI_DATASETS_PATH`, or `~/.minari/datasets`."""
    return Path(os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari" / "datasets")


def download_minari(name: str, root: Path | None = None) -> Path:
    """Make sure that a data set is here, where Minari itself would look for it.

    Args:
        name: its id.
        root: of local data sets; by default Minari's own.

    Returns:
        Its folder.

    Raises:
        UserError: no such data set, no connection, or what arrived is not what the hub lists.
    """
    if not is_name(name):
        raise UserError(f"'{name}': no id of Minari's, such as mujoco/hopper/medium-v0, and no file or folder here")
    folder = (root or local_root()) / name
    if data_folder(folder) is not None:
        return folder
    repository, _, inside = name.partition("/")
    hub = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    where = quote("/".join(part for part in (inside, "data") if part))
    hint = f"without a network, put the data set's folder at {folder}"
    listing = _get_json(f"{hub}/api/datasets/{OWNER}/{repository}/tree/main/{where}", hint)
    files = {str(entry.get("path")).rsplit("/", 1)[-1]: entry for entry in listing if isinstance(entry, dict)}
    if FILE not in files or METADATA not in files:
        raise UserError(f"{name}: the hub has no {FILE} of it (data in another format than HDF5 are not read here)")
    resolve = f"{hub}/datasets/{OWNER}/{repository}/resolve/main/{where}"
    large = files[FILE].get("lfs") or {}
    fetch(f"{resolve}/{FILE}", folder / "data" / FILE, pinned=large.get("oid"))
    metadata = _get_json(f"{resolve}/{METADATA}", hint)
    write_text(folder / "data" / METADATA, json_text(metadata))  # last: what has both files is complete
    return folder


def _get_json(url: str, hint: str) -> Any:
    """What a small address answers, as JSON.

    Raises:
        UserError: it cannot be had.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise UserError(f"{url}: the server says {error.code} {error.reason}; is the data set's id right?") from None
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{url}: cannot be reached ({error}); {hint}") from None
    except ValueError as error:
        raise UserError(f"{url}: no JSON ({error}); a page that asks to log in?") from None
