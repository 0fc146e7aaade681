"""Counts by value that merge exactly, at a bounded size.

Values are kept as their 64 bits, in their order, with what was counted at each. Up to a stated number of distinct
values nothing is lost. Beyond it the last bits of all values are dropped, one after another, until they fit: values
then lie in bins of equal relative width (as in DDSketch: Masson, Rim, Lee, VLDB 2019; with the uniform collapse of
UDDSketch: Epicoco et al., IEEE TKDE 2020). How many bits are dropped depends on the set of values alone, so the sketch
of the whole is the sketch of its chunks, merged in any order, bit for bit. Counts at the edges of bins stay exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from counterpoise.decide import ThresholdCurve
from counterpoise.decide.tally import carry, limbs_of, value_of
from counterpoise.errors import InputError

__all__ = ["MOST_VALUES", "ValueCounts"]

MOST_VALUES = 1_000_000
"""Distinct values that are kept as they are: 24 MB of two classes."""

_SIGN = np.uint64(1 << 63)
_MANTISSA_BITS = 52
_TINY = float(np.finfo(np.float64).tiny)


@dataclass
class ValueCounts:
    """What was counted at each value, by class.

    Attributes
    ----------
    most : int
        Distinct values that are kept, at most.
    keys : ndarray of shape (n,), uint64
        Values, as bits in their order, the last `dropped` of them zero.
    masses : dict of str to ndarray of shape (1 or 2, n), int64
        Counts, or weights as two integers each, of ``positive`` and ``negative`` rows; with weights also their squares.
    n_rows, n_positive : int
        Rows counted.
    dropped : int
        Bits that were dropped; 0 while every value is kept.
    """

    most: int = MOST_VALUES
    keys: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    masses: dict[str, np.ndarray] = field(default_factory=dict)
    n_rows: int = 0
    n_positive: int = 0
    dropped: int = 0

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        is_positive: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        most: int = MOST_VALUES,
    ) -> ValueCounts:
        """Count rows.

        Parameters
        ----------
        values : ndarray of shape (n,), float64
            Scores, or a feature's values, none of them missing.
        is_positive : ndarray of shape (n,), bool
            Class of each row.
        weights : ndarray of shape (n,), optional
            Non-negative weights.
        most : int, default=1_000_000
            Distinct values to keep.

        Returns
        -------
        ValueCounts
            Exact while there are no more distinct values than that.

        Raises
        ------
        InputError
            If a value is missing.
        """
        if np.isnan(values).any():
            raise InputError(
                f"{int(np.isnan(values).sum())} of {len(values)} values are missing.",
                expected="Expected numbers.",
                why="A missing value has no place in an order.",
                hint="Leave such rows out and count them apart.",
            )
        one = np.ones((1, len(values)), dtype=np.int64) if weights is None else limbs_of(weights)
        masses = {"positive": one * is_positive, "negative": one * ~is_positive}
        if weights is not None:
            squares = limbs_of(weights * weights)
            masses |= {"positive^2": squares * is_positive, "negative^2": squares * ~is_positive}
        found = cls(most, _ordered(values), masses, len(values), int(is_positive.sum()))
        found._settle()
        return found

    @classmethod
    def merged(cls, parts: Sequence[ValueCounts]) -> ValueCounts:
        """Add counts up.

        Parameters
        ----------
        parts : sequence of ValueCounts
            At least one; all weighted or all not, with the same `most`.

        Returns
        -------
        ValueCounts
            Of all rows.
        """
        dropped = max(part.dropped for part in parts)
        whole = cls(
            parts[0].most,
            np.concatenate([part.keys for part in parts]),
            {name: np.concatenate([part.masses[name] for part in parts], axis=1) for name in parts[0].masses},
            sum(part.n_rows for part in parts),
            sum(part.n_positive for part in parts),
            dropped,
        )
        whole._settle()
        return whole

    def _settle(self) -> None:
        """Sort, join equal values, and drop bits until there are few enough."""
        order = np.argsort(self.keys, kind="stable")
        self.keys = self.keys[order]
        self.masses = {name: mass[:, order] for name, mass in self.masses.items()}
        self._join()
        while len(self.keys) > self.most:
            self.dropped += 1
            self._join()

    def _join(self) -> None:
        cut = np.uint64(self.dropped)
        self.keys = (self.keys >> cut) << cut
        starts = np.flatnonzero(np.concatenate([[True], self.keys[1:] != self.keys[:-1]])[: len(self.keys)])
        if len(starts) < len(self.keys):
            self.masses = {
                name: carry(np.add.reduceat(mass, starts, axis=1)) for name, mass in self.masses.items()
            }
            self.keys = self.keys[starts]

    # --- what it says ------------------------------------------------------------------------------------------

    @property
    def values(self) -> np.ndarray:
        """Every value, or the lower edge of every bin, ascending."""
        return _as_numbers(self.keys)

    @property
    def is_exact(self) -> bool:
        """Whether every value was kept."""
        return self.dropped == 0

    @property
    def relative_width(self) -> float:
        """Width of a bin over its value, at most; 0 while every value is kept."""
        return 0.0 if self.is_exact else 2.0 ** (self.dropped - _MANTISSA_BITS)

    def mass(self, name: str) -> np.ndarray:
        """Give the weight of a class at each value.

        Parameters
        ----------
        name : {"positive", "negative"}
            The class.

        Returns
        -------
        ndarray of shape (n,), float64
            Counts, or sums of weights.
        """
        return value_of(self.masses[name])

    def curve(self) -> ThresholdCurve:
        """Give the threshold curve, whose lines are the values, or the edges of the bins.

        Returns
        -------
        ThresholdCurve
            Exact at every one of its lines.
        """
        masses = {name: np.ascontiguousarray(mass) for name, mass in self.masses.items()}
        return ThresholdCurve(self.values, masses, self.n_rows, self.n_positive)

    def ranking(self) -> dict[str, tuple[float, float, float]]:
        """Give the figures of ranking, each with the bounds that any order within the bins would keep.

        Returns
        -------
        dict of str to (value, lowest, highest)
            ``average_precision`` and ``roc_auc``; rows of one bin count as tied. NaN where a class is absent.
        """
        positive, negative = self.mass("positive")[::-1], self.mass("negative")[::-1]
        n_positive, n_negative = positive.sum(), negative.sum()
        if n_positive == 0 or n_negative == 0:
            return dict.fromkeys(("average_precision", "roc_auc"), (np.nan, np.nan, np.nan))
        tp, fp = np.cumsum(positive), np.cumsum(negative)
        tied = float(positive @ negative) / (2 * n_positive * n_negative)
        auc = float(positive @ (n_negative - fp)) / (n_positive * n_negative) + tied
        some = positive > 0
        tp, fp, of_bin, beside = tp[some], fp[some], positive[some], negative[some]
        area, worst, best = (
            float(of_bin @ (caught / np.maximum(caught + false, _TINY))) / n_positive
            for caught, false in ((tp, fp), (tp - of_bin, fp), (tp, fp - beside))
        )
        if self.is_exact:
            return {"average_precision": (area, area, area), "roc_auc": (auc, auc, auc)}
        return {
            "average_precision": (area, min(worst, area), max(best, area)),
            "roc_auc": (auc, auc - tied, auc + tied),
        }


def _ordered(values: np.ndarray) -> np.ndarray:
    """Turn numbers into integers of the same order: IEEE 754 bits, turned over where negative."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    return np.asarray(np.where(bits & _SIGN, ~bits, bits | _SIGN))


def _as_numbers(keys: np.ndarray) -> np.ndarray:
    bits = np.where(keys & _SIGN, keys & ~_SIGN, ~keys)
    return np.asarray(bits.view(np.float64))
