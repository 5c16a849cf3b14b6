"""How every figure looks: one style, a colour and a marker by rule, and bytes that depend on the data alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from energyflow.core.errors import UserError
from energyflow.core.files import atomic_path
from energyflow.report import names

Colour = tuple[float, float, float] | str
REFERENCE_COLOUR = "0.25"  # of the expert and the dense oracle: they are not competitors
UNKNOWN_COLOUR = "0.5"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8", "H", "$\\spadesuit$")
# Everything in a file that is not the drawing: dates and program versions would change the bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Look(NamedTuple):
    """How one line is told from the others, with colours and without."""

    colour: Colour
    marker: str


@contextmanager
def look() -> Iterator[None]:
    """Seaborn's paper style, one font on every machine, and a fixed salt for the ids in SVG files."""
    style = sns.axes_style("whitegrid") | sns.plotting_context("paper")
    own = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "svg.hashsalt": "energyflow",
        "pdf.fonttype": 42,
        "axes.titlesize": 9,
        "axes.edgecolor": "0.6",
        "grid.color": "0.92",
        "legend.frameon": False,
    }
    with mpl.rc_context(style | own):
        yield


def save(figure: Figure, dpi: int, outputs: Sequence[Path]) -> None:
    """Write a figure in the format of each output's suffix (png, svg, pdf), atomically.

    Raises:
        UserError: another suffix.
    """
    for path in outputs:
        kind = path.suffix.removeprefix(".")
        if kind not in _METADATA:
            raise UserError(f"{path}: figures are written as {', '.join(_METADATA)}, not '{kind}'")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=_METADATA[kind])


def nth_look(place: int, palette: str) -> Look:
    """Look of a line that is known by its place.

    A palette that is too short starts again, darker; where the markers end, the place itself is the marker.
    """
    colours = sns.color_palette(palette)
    again, first = divmod(place, len(colours))
    red, green, blue = (0.6**again * part for part in colours[first])
    return Look((red, green, blue), MARKERS[place] if place < len(MARKERS) else f"${place + 1}$")


def look_of(name: str, kind: names.Kind, palette: str) -> Look:
    """Look of a method or source, the same in every figure, whatever else is drawn.

    A name without a place in `names.order` is drawn in grey, as its own initial.
    """
    known = names.order(kind)
    if name == names.EXPERT:
        return Look(REFERENCE_COLOUR, "")
    if name not in known:
        return Look(UNKNOWN_COLOUR, f"${name[0].upper()}$")
    own = nth_look(known.index(name), palette)
    return own._replace(colour=REFERENCE_COLOUR) if names.is_oracle(name, kind) else own
