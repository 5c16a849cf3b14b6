"""Numbers and lists as a sentence has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd


def grouped(value: float) -> str:
    """An integer with a space between groups of three digits."""
    return f"{int(value):,}".replace(",", " ")


def counted(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{grouped(count)} {noun}{'' if count == 1 else 's'}"


def span(values: pd.Series) -> str:
    """One whole number, or the range of several."""
    low, high = values.min(), values.max()
    return grouped(low) if low == high else f"{grouped(low)}–{grouped(high)}"


def extent(values: pd.Series, digits: int = 2) -> str:
    """`x` or `x to y`."""
    low, high = f"{values.min():.{digits}f}", f"{values.max():.{digits}f}"
    return low if low == high else f"{low} to {high}"


def listed(items: Iterable[str]) -> str:
    """`a, b and c`, or `none`."""
    found = list(items)
    if not found:
        return "none"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def joined(*sentences: str) -> str:
    """One paragraph from the sentences that have something to say."""
    return " ".join(filter(None, sentences))


def number(row: Mapping[str, Any] | pd.Series, value: str, digits: int = 2) -> str:
    """`mean [low, high]` of a row of estimates."""
    return spelled(row[value], row[f"{value}_low"], row[f"{value}_high"], digits)


def spelled(mean: float, low: float, high: float, digits: int = 2) -> str:
    """`mean [low, high]`, or of one seed `mean [one seed]`."""
    bounds = "one seed" if pd.isna(low) else f"{low:.{digits}f}, {high:.{digits}f}"
    return f"{mean:.{digits}f} [{bounds}]"
