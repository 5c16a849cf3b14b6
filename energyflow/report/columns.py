"""Cells of tables as a reader sees them, and the columns that several tables have."""

from __future__ import annotations

from collections.abc import Callable

from energyflow.config.sections import ReportParams
from energyflow.report import names
from energyflow.report.render import Column, Row
from energyflow.report.wording import grouped

NONE = "–"  # an empty cell says that there is nothing to say, not that something was forgotten
Text = Callable[[Row], str]


def plain(name: str) -> Text:
    """Text as it is."""
    return lambda row: NONE if row[name] is None else str(row[name])


def fixed(name: str, digits: int = 1) -> Text:
    """A number with so many decimals."""
    return lambda row: NONE if row[name] is None else f"{row[name]:.{digits}f}"


def general(name: str) -> Text:
    """A number with as many digits as it has."""
    return lambda row: NONE if row[name] is None else f"{row[name]:g}"


def whole(name: str) -> Text:
    """An integer, its digits in groups of three."""
    return lambda row: NONE if row[name] is None else grouped(row[name])


def interval(name: str, digits: int = 1, sign: str = "") -> Text:
    """`[low, high]` of a number."""

    def text(row: Row) -> str:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        return NONE if low is None else f"[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"

    return text


def with_interval(name: str, digits: int = 1, sign: str = "") -> Text:
    """`mean [low, high]` of a number."""
    bounds = interval(name, digits, sign)
    return lambda row: NONE if row[name] is None else f"{row[name]:{sign}.{digits}f} {bounds(row)}"


signed = with_interval("difference", sign="+")  # of a row with a paired difference


def interval_column(params: ReportParams, name: str) -> Column:
    """The interval of a number in a column of its own, headed e.g. "95 % interval"."""
    return Column(f"{100 * params.confidence:g} % interval", interval(name))


TASK = Column("Task", lambda row: names.task_name(row["task"]), numeric=False)
METHOD = Column("Method", lambda row: names.method_name(row["method"]), numeric=False)
SOURCE = Column("Source", lambda row: names.source_name(row["source"]), numeric=False)
LEVEL = Column("Level", plain("level"), numeric=False)
DECODER = Column("Decoder", lambda row: NONE if row["decoder"] == names.EXPERT else row["decoder"], numeric=False)
NETWORK = Column("Network", lambda row: names.NETWORKS.get(row["network"], str(row["network"])), numeric=False)
PARAMETERS = Column("Parameters", whole("parameters"))
NFE = Column("NFE", whole("nfe"))
N = Column("n", whole("n"))
SEEDS = Column("Seeds", lambda row: NONE if row.get("method") == names.EXPERT else whole("seeds")(row))
SUCCESS = Column("Success (%)", fixed("success"))
DIFFERENCE = Column("Difference", signed)
