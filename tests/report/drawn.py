"""What a figure shows, read from its artists: the numbers of each line, its look, and whether a reader can read it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

Points = NDArray[np.float64]


def lines(axes: Axes) -> dict[str, Points]:
    """The points [N, 2] of each labelled line, measured or not."""
    found = {str(c.get_label()): c.lines[0] for c in axes.containers if isinstance(c, ErrorbarContainer)}
    found |= {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    return {label: points(line) for label, line in found.items()}


def is_hollow(axes: Axes, label: str) -> bool:
    """Whether the markers of a labelled measurement are white inside, and not of its colour."""
    (container,) = [c for c in axes.containers if c.get_label() == label]
    inside = to_hex(container.lines[0].get_markerfacecolor())
    assert inside in ("#ffffff", to_hex(container.lines[0].get_color()))
    return inside == "#ffffff"


def points(line: Line2D) -> Points:
    """What a line goes through, [N, 2]."""
    return np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)])


def whiskers(axes: Axes, label: str) -> Points:
    """Ends [N, 2] of the error bars of a labelled line, low before high."""
    (container,) = [c for c in axes.containers if c.get_label() == label]
    *_, bars = container.lines[2]  # those of the values are the last
    segments = np.stack(bars.get_segments())  # [N, 2 ends, x and y]
    along = 1 if container.has_yerr else 0
    return np.asarray(segments[:, :, along])


def dashes(axes: Axes) -> dict[str, Points]:
    """Published numbers: the points of the dashes of each colour."""
    marked = [line for line in axes.lines if line.get_marker() == "_" and len(line.get_xdata())]
    return {to_hex(line.get_color()): points(line) for line in marked}


def panel(figure: Figure, title: str) -> Axes:
    """The panel with a title."""
    (found,) = [axes for axes in figure.axes if axes.get_title() == title]
    return found


def look(handle: Any) -> tuple[str, ...]:
    """Colour, marker, line style and colour inside of an entry of a legend."""
    if isinstance(handle, ErrorbarContainer):
        return look(handle.lines[0])
    if isinstance(handle, LineCollection):
        return to_hex(handle.get_color()[0]), "None", str(handle.get_linestyle())
    if isinstance(handle, Line2D):
        inside = to_hex(handle.get_markerfacecolor())
        return to_hex(handle.get_color()), str(handle.get_marker()), str(handle.get_linestyle()), inside
    return to_hex(handle.get_facecolor()[0]), "scatter", "None"


def legend(figure: Figure) -> dict[str, tuple[str, ...]]:
    """What the legend says: the look of each label.

    Every labelled artist of every panel has to look as the legend says.
    """
    (found,) = figure.legends
    told: dict[str, tuple[str, ...]] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            assert told.setdefault(label, look(handle)) == look(handle), f"{label}: two looks"
    assert sorted(text.get_text() for text in found.get_texts()) == sorted(told)
    return told


def _texts(figure: Figure) -> list[Text]:
    """Every text that is seen, tick labels within the axes only."""
    found: list[Text] = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        found += [axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
    found += [block._suptitle for block in figure.subfigs if block._suptitle is not None]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def _overlap(first: Bbox, second: Bbox, slack: float = 1.0) -> bool:
    """Whether two boxes share more than a line of pixels."""
    both = Bbox.intersection(first, second)
    return both is not None and both.width > slack and both.height > slack


def check_readable(figure: Figure) -> None:
    """Assert that nothing is cut off and that no text lies on another text or on a panel."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in _texts(figure)]
    whole = figure.bbox
    for label, box in boxes:
        inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert inside, f"'{label}' is cut off at the edge"
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        assert not _overlap(first, second), f"'{one}' and '{other}' overlap"
    areas = [axes.get_window_extent(renderer) for axes in figure.axes]
    for (label, box), area in itertools.product(boxes, areas):
        assert not _overlap(box, area), f"'{label}' lies on a panel"
    for one, other in itertools.combinations(areas, 2):
        assert not _overlap(one, other), "two panels overlap"
    for legend, area in itertools.product(figure.legends, areas):
        assert not _overlap(legend.get_window_extent(renderer), area), "the legend lies on a panel"
    for axes in figure.axes:
        _check_inside(axes)


def _check_inside(axes: Axes) -> None:
    """Assert that every marker of every line is within the axes."""
    limits = np.array([sorted(axes.get_xlim()), sorted(axes.get_ylim())])
    for line in axes.lines:
        seen = points(line)
        if line.get_transform() != axes.transData or not len(seen):  # a line across the whole panel
            continue
        seen = seen[np.isfinite(seen).all(axis=1)]
        assert ((limits[:, 0] <= seen) & (seen <= limits[:, 1])).all(), f"{line.get_label()}: points outside the axes"
