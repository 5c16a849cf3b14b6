"""Pictures of an episode as a moving picture: GIF or WebP by Pillow, MP4 by ffmpeg where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path

Picture = NDArray[np.uint8]  # [H, W, 3]
WIDEST = 480  # a picture of a GIF or WebP is made no wider than this: they are large files
SUFFIXES = (".gif", ".webp", ".mp4")


def check_film(path: Path) -> None:
    """Check, before anything is computed, that a film of this name can be written.

    Raises:
        UserError: another suffix, or ffmpeg is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: a film ends in {', '.join(SUFFIXES)}")
    if path.suffix == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ModuleNotFoundError:
            raise UserError(f"{path}: pip install 'energyflow[video]' (imageio-ffmpeg), or name it .gif") from None


@contextmanager
def filming(path: Path, rate: float) -> Iterator[Callable[[Picture], None]]:
    """What takes the pictures of a film, all of one size, one after the other; whole or absent at the end.

    Args:
        path: of the film.
        rate: pictures a second.

    Raises:
        UserError: as `check_film`, or the disk is full.
    """
    check_film(path)
    with atomic_path(path) as temporary:
        if path.suffix == ".mp4":
            yield from _mp4(temporary, rate)
        else:
            pictures: list[Image.Image] = []
            yield lambda picture: pictures.append(_small(picture))
            if pictures:
                pictures[0].save(
                    temporary,
                    format=path.suffix[1:].upper(),
                    save_all=True,
                    append_images=pictures[1:],
                    duration=round(1000 / rate),
                    loop=0,
                )


def _small(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((WIDEST, WIDEST))
    return image


def _mp4(path: Path, rate: float) -> Iterator[Callable[[Picture], None]]:
    import imageio_ffmpeg

    writer = None

    def take(picture: Picture) -> None:
        nonlocal writer
        if writer is None:
            size = (picture.shape[1], picture.shape[0])
            writer = imageio_ffmpeg.write_frames(str(path), size, fps=rate, output_params=["-f", "mp4"])
            writer.send(None)
        writer.send(np.ascontiguousarray(picture))

    yield take
    if writer is not None:
        writer.close()
