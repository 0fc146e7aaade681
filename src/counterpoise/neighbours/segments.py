"""Rows that lie on known segments: what over-sampling leaves behind is known, and saves the search.

A row invented by SMOTE lies on the segment from a base row to a neighbour. All distances to a whole segment follow
from those to its two ends (Stewart's theorem: with a and b the squared distances to the ends and L² the squared
length, a point at fraction t of the way is at ``(1 - t) a + t b - t (1 - t) L²``), so a product with the few ends
bounds the distances to all invented rows; and along a segment, neighbours are found by sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.neighbours.distances import pair_distances

__all__ = ["Lines", "Segments", "least_on_lines"]

_SLACK = 1e-9  # relative, far above the rounding of lengths along a segment


@dataclass(frozen=True)
class Segments:
    """Rows that are known to lie on segments between other rows, up to rounding.

    Attributes
    ----------
    rows : ndarray of shape (s,), int64
        The rows.
    base, neighbour : ndarray of shape (s,), int64
        Rows at the ends, of the same class.
    gap : ndarray of shape (s,), float64
        Position between them, from 0 to 1.
    """

    rows: np.ndarray
    base: np.ndarray
    neighbour: np.ndarray
    gap: np.ndarray

    def of_class(self, y: np.ndarray, label: int) -> Segments | None:
        """Take those of one class.

        Parameters
        ----------
        y : ndarray of shape (n,), int64
            Class codes of all rows.
        label : int
            The class.

        Returns
        -------
        Segments or None
            None where there are none. Rows whose ends are of another class or one and the same, or whose position is
            outside the segment, are left out: nothing is known of them.
        """
        sound = (y[self.rows] == label) & (y[self.base] == label) & (y[self.neighbour] == label)
        sound &= (self.gap >= 0) & (self.gap <= 1) & (self.base != self.neighbour)
        if not sound.any():
            return None
        return Segments(self.rows[sound], self.base[sound], self.neighbour[sound], self.gap[sound])


@dataclass(frozen=True)
class Lines:
    """The distinct segments of a class, and what lies on each.

    Attributes
    ----------
    first, second : ndarray of shape (n_lines,), int64
        Rows at the ends.
    squared_length : ndarray of shape (n_lines,), float64
        L².
    line : ndarray of shape (m,), int64
        For each member, its segment; the ends are members too.
    row : ndarray of shape (m,), int64
        Its row.
    reach : ndarray of shape (m,), float64
        An upper bound on the distance to its k-th nearest row on the segment; infinite where there are fewer.
    error : float
        How far, at most, a row is from where it should be on its segment.
    """

    first: np.ndarray
    second: np.ndarray
    squared_length: np.ndarray
    line: np.ndarray
    row: np.ndarray
    reach: np.ndarray
    error: float

    @classmethod
    def of(cls, numbers: np.ndarray, segments: Segments, k: int) -> Lines:
        """Gather what lies on the same segment.

        Parameters
        ----------
        numbers : ndarray of shape (n, d)
            All rows.
        segments : Segments
            Of one class.
        k : int
            How many neighbours are asked about.

        Returns
        -------
        Lines
            Each pair of ends once, in either direction.
        """
        flipped = segments.base > segments.neighbour
        ends = (
            np.where(flipped, segments.neighbour, segments.base),
            np.maximum(segments.base, segments.neighbour),
        )
        gap = np.where(flipped, 1 - segments.gap, segments.gap)
        key, line = np.unique(ends[0] * len(numbers) + ends[1], return_inverse=True)
        first, second = np.divmod(key, len(numbers))
        squared = pair_distances(numbers, numbers, first, second)
        error = _largest_error(numbers, segments)
        each_line = np.arange(len(key))
        line = np.concatenate([line.reshape(-1), each_line, each_line])
        row = np.concatenate([segments.rows, first, second])
        place = np.concatenate([gap, np.zeros(len(key)), np.ones(len(key))])
        order = np.lexsort((place, line))
        line, row, place = line[order], row[order], place[order]
        share, length = _kth_along(line, place, k), np.sqrt(squared)[line] * (1 + _SLACK)
        reach = np.full(len(line), np.inf)
        known = np.isfinite(share)
        reach[known] = share[known] * length[known] + 2 * error
        return cls(first, second, squared, line, row, reach, error)

    def __len__(self) -> int:
        return len(self.first)

    def uncertain(self, squared_low: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Give the rows that no segment proves to be among their own.

        Parameters
        ----------
        squared_low : ndarray of shape (n_lines,), float64
            A lower bound on d² from each segment to the nearest row of another class.
        rows : ndarray of shape (m,), int64
            The rows of the class.

        Returns
        -------
        ndarray of shape (m2,), int64
            Those of the rows that have no segment on which k rows are nearer than any row of another class.
        """
        free = np.sqrt(np.maximum(squared_low, 0)) - self.error
        proven = self.row[self.reach < free[self.line]]
        return np.setdiff1d(rows, proven, assume_unique=False)

    def longest_reach(self) -> np.ndarray:
        """Give, for each segment, the squared distance within which foreign rows matter to it.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            Squares of the largest finite reach on each segment, and of the error.
        """
        longest = np.zeros(len(self))
        np.maximum.at(longest, self.line, np.where(np.isfinite(self.reach), self.reach, 0.0))
        squared: np.ndarray = (longest + self.error) ** 2 * (1 + _SLACK)
        return squared


def _largest_error(numbers: np.ndarray, segments: Segments) -> float:
    """Measure how far rows are from their places on their segments."""
    largest, step = 0.0, 8192
    for start in range(0, len(segments.rows), step):
        part = slice(start, start + step)
        base = numbers[segments.base[part]].astype(np.float64)
        gap = numbers[segments.neighbour[part]] - base
        gap *= segments.gap[part, None]
        gap += base
        gap -= numbers[segments.rows[part]]
        largest = max(largest, float(np.einsum("ij,ij->i", gap, gap).max(initial=0.0)))
    return float(np.sqrt(largest)) * (1 + _SLACK) + float(np.finfo(np.float64).tiny)


def _kth_along(line: np.ndarray, place: np.ndarray, k: int) -> np.ndarray:
    """Find the distance to the k-th nearest place on the same segment, as a fraction of its length."""
    best = np.full(len(line), np.inf)
    n = np.arange(len(line))
    for before in range(k + 1):
        left, right = n - before, n + k - before
        inside = np.flatnonzero((left >= 0) & (right < len(line)))
        inside = inside[line[left[inside]] == line[right[inside]]]
        width = np.maximum(place[inside] - place[left[inside]], place[right[inside]] - place[inside])
        best[inside] = np.minimum(best[inside], width)
    return best


def least_on_lines(a: np.ndarray, b: np.ndarray, squared_length: np.ndarray) -> np.ndarray:
    """Find the least squared distance from points to segments.

    Parameters
    ----------
    a, b : ndarray of shape (n_lines, m)
        Squared distances to the ends, or lower bounds on them. Overwritten.
    squared_length : ndarray of shape (n_lines,)
        L².

    Returns
    -------
    ndarray of shape (n_lines, m)
        ``min_t (1 - t) a + t b - t (1 - t) L²`` for t from 0 to 1; where a and b are lower bounds, so is this.
    """
    length = squared_length.astype(a.dtype)[:, None]
    half = np.divide(0.5, length, out=np.zeros_like(length), where=length > 0)
    b -= a
    t = b * -half
    t += a.dtype.type(0.5)
    np.clip(t, 0, 1, out=t)
    b -= length
    step = t * length
    b += step
    b *= t
    a += b
    return a
