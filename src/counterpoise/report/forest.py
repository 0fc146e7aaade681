"""The forest plot of the leaderboard: where each paired difference lies, on one common scale."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoise.evaluate.records import CandidateRecord, Estimate
from counterpoise.report.words import interval, signed

__all__ = ["Forest", "Mark", "forest_of"]

WIDTH, MARGIN = 240.0, 10.0
"""Width of the drawing and free space at either end, in pixels."""


@dataclass(frozen=True)
class Mark:
    """One row of the plot, in pixels, and in words."""

    shown: bool
    words: str
    value: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    kind: str = ""


@dataclass(frozen=True)
class Forest:
    """All rows, where zero is, and what the ends of the scale mean."""

    marks: tuple[Mark, ...]
    zero: float
    caption: str


def forest_of(candidates: list[CandidateRecord], *, greater_is_better: bool) -> Forest:
    """Place the differences of candidates on one scale that holds zero.

    Parameters
    ----------
    candidates : list of CandidateRecord
        The rows.
    greater_is_better : bool
        Which side is the better one.

    Returns
    -------
    Forest
        Pixels and words.
    """
    ends = [
        end
        for c in candidates
        if c.difference is not None
        for end in (c.difference.value, c.difference.lower, c.difference.upper)
        if end is not None
    ]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    if high == low:
        low, high = -1.0, 1.0

    def _at(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value - low) / (high - low), 1)

    better = "better →" if greater_is_better else "worse →"
    worse = "← worse" if greater_is_better else "← better"
    return Forest(
        marks=tuple(_mark(c.difference, _at, greater_is_better) for c in candidates),
        zero=_at(0.0),
        caption=f"{worse}  {signed(low)} … {signed(high)}  {better}",
    )


def _mark(difference: Estimate | None, at: object, greater_is_better: bool) -> Mark:
    assert callable(at)  # a closure of the caller
    if difference is None or difference.value is None:
        return Mark(shown=False, words="no difference: this is the untreated model")
    value = difference.value
    lower = value if difference.lower is None else difference.lower
    upper = value if difference.upper is None else difference.upper
    kind = ""
    if lower > 0 or upper < 0:
        kind = "is-better" if (lower > 0) == greater_is_better else "is-worse"
    words = f"difference {signed(value)}, interval {interval(difference, with_sign=True) or 'unknown'}"
    return Mark(shown=True, words=words, value=at(value), lower=at(lower), upper=at(upper), kind=kind)
