"""Many trees looked up at once: the same sums as walking down each of them, without a step from node to node.

The leaves of a tree are numbered from left to right, a bit each. A node that sends a row to the right rules out the
leaves below its left child; of the leaves that no node rules out, the row reaches the lowest. What all nodes of a
column rule out depends only on which of the column's thresholds the value lies between, so it is tabulated: a row
of a table for each such interval, an entry a tree. A row of data is then scored by an AND over its columns' rows of
the tables, a dozen NumPy calls for all trees and many rows; for a few rows no thread has to be woken.

Source: C. Lucchese, F. M. Nardini, S. Orlando, R. Perego, N. Tonellotto, R. Venturini, "QuickScorer: a fast algorithm
to rank documents with additive ensembles of regression trees", SIGIR 2015. The tables are ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from counterpoise.learn.grown_trees import Tree

__all__ = ["MOST_LEAVES", "TreeTables", "table_bytes"]

MOST_LEAVES = 64
"""Bits of the widest integer."""

BYTES_AT_ONCE = 2**20
"""Room for the bits of the rows that are looked up together: it stays in the processor's cache."""

WORTH_THREADS = 4096
"""Rows from which all cores share the work; NumPy lets go of the interpreter in every step of it."""

MOST_MERGED = 512
"""Columns with few thresholds share a table while it has at most so many rows."""


class TreeTables:
    """Sums over trees.

    Parameters
    ----------
    trees : sequence of Tree
        At least one, of at most 64 leaves; with several scores the first tree adds to the first score, the next to the
        second, and so on in turn.
    start : ndarray of shape (n_scores,), float64
        To what they add.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn.grown_trees import Tree
    >>> stump = Tree(
    ...     feature=np.array([0, 0, 0]), threshold=np.array([1.5, 0, 0]), left=np.array([1, 0, 0]),
    ...     right=np.array([2, 0, 0]), is_leaf=np.array([False, True, True]),
    ...     missing_left=np.array([True, False, False]), value=np.array([0.0, -1.0, 2.0]))
    >>> TreeTables([stump], np.array([0.5])).sums(np.array([[1.5], [1.6], [np.nan]]))
    array([[-0.5],
           [ 2.5],
           [-0.5]])
    """

    def __init__(self, trees: Sequence[Tree], start: np.ndarray) -> None:
        width = max(int(tree.is_leaf.sum()) for tree in trees)
        self._n_scores = len(start)
        self._first_leaf = np.arange(len(trees)) * width
        values = np.zeros((len(trees), width))
        columns = sorted({int(j) for tree in trees for j in tree.feature[~tree.is_leaf]})
        self._cuts = {j: _cuts(trees, j) for j in columns if not _is_category(trees, j)}
        self._sizes = {j: _n_rows(trees, j, self._cuts) for j in columns}
        kind = np.dtype(f"u{next(n for n in (2, 4, 8) if 8 * n >= width)}")
        tables = {j: np.full((self._sizes[j], len(trees)), -1, dtype=np.int64).astype(kind) for j in columns}
        for t, tree in enumerate(trees):
            values[t, : int(tree.is_leaf.sum())] = self._enter(tree, tables, t)
        values[: len(start)] += start[:, None]  # what is added first is added to the start: not a bit is lost
        self._values = values.ravel()
        self._groups = _grouped(self._sizes)
        self._tables = [_merged([tables[j] for j in group]) for group in self._groups]
        self._kind = kind

    def _enter(self, tree: Tree, tables: dict[int, np.ndarray], t: int) -> list[float]:
        """Write what a tree's nodes rule out; give the values of its leaves, from left to right."""
        leaves: list[float] = []

        def below(node: int) -> int:  # numpydoc ignore=PR01,RT01
            """Number the leaves below a node, and give them as bits."""
            if tree.is_leaf[node]:
                leaves.append(float(tree.value[node]))
                return 1 << (len(leaves) - 1)
            left = below(int(tree.left[node]))
            table = tables[int(tree.feature[node])]
            table[self._goes_right(tree, node), t] &= table.dtype.type(~left & np.iinfo(table.dtype).max)
            return left | below(int(tree.right[node]))

        below(0)
        return leaves

    def _goes_right(self, tree: Tree, node: int) -> np.ndarray:
        j = int(tree.feature[node])
        rows = np.arange(self._sizes[j])
        if node in tree.sets:
            right = ~np.isin(rows, tree.sets[node])
        else:
            right = rows > np.searchsorted(self._cuts[j], tree.threshold[node])
        right[-1] = not tree.missing_left[node]
        return right

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Add up what the trees say of rows.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns), float64
            Numbers, and codes of categories that the trees know; NaN where missing.

        Returns
        -------
        ndarray of shape (n_rows, n_scores), float64
            The start and every tree, added in their order.
        """
        found = np.empty((len(values), self._n_scores))
        n_threads = 1 if len(values) < WORTH_THREADS else os.cpu_count() or 1
        parts = _parts(len(values), BYTES_AT_ONCE // (len(self._first_leaf) * self._kind.itemsize), n_threads)

        def look_up(part: slice) -> None:  # numpydoc ignore=GL08
            found[part] = self._some_sums(values[part])

        if n_threads == 1:
            for part in parts:
                look_up(part)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(look_up, parts))
        return found

    def _some_sums(self, values: np.ndarray) -> np.ndarray:
        possible, more = np.empty((2, len(values), len(self._first_leaf)), dtype=self._kind)
        self._rule_out(values, possible, more)
        np.negative(possible, out=more)
        np.bitwise_and(possible, more, out=possible)  # the lowest bit alone; below it, as many as its number
        leaf = np.bitwise_count(np.subtract(possible, 1, out=possible))
        added = self._values.take(np.ascontiguousarray(leaf.T) + self._first_leaf[:, None])
        return _in_turn(added.reshape(-1, self._n_scores, len(values))).T

    def _rule_out(self, values: np.ndarray, possible: np.ndarray, more: np.ndarray) -> None:
        """Leave the bits of the leaves that no node rules out."""
        if not self._groups:
            possible.fill(np.iinfo(self._kind).max)
        for k in range(len(self._groups)):
            np.take(self._tables[k], self._rows(k, values), axis=0, out=more if k else possible, mode="clip")
            if k:
                np.bitwise_and(possible, more, out=possible)

    def _rows(self, k: int, values: np.ndarray) -> np.ndarray:
        """Say in which row of a table each row's values lie."""
        place = np.zeros(len(values), dtype=np.intp)
        for j in self._groups[k]:
            place *= self._sizes[j]
            place += self._row(j, values[:, j])
        return place

    def _row(self, j: int, column: np.ndarray) -> np.ndarray:
        cuts = self._cuts.get(j)
        if cuts is not None:
            return cuts.searchsorted(column)  # the last cut is infinite, and NaN is sorted behind it
        last = self._sizes[j] - 1
        return np.where(np.isnan(column), last, np.minimum(column, last - 1)).astype(np.intp)


def _parts(n_rows: int, most: int, n_threads: int) -> list[slice]:
    """Divide rows evenly among threads, into parts of at most so many (never fewer than a row)."""
    turns = max(1, -(-n_rows // (max(most, 1) * n_threads)))
    ends = np.linspace(0, n_rows, turns * n_threads + 1).astype(np.intp)
    return [slice(first, last) for first, last in pairwise(ends.tolist())]


def _in_turn(added: np.ndarray) -> np.ndarray:
    """Add along the first axis, one after the other: NumPy's sums do, except along the axis that is next in memory."""
    if added[0].size == 1:
        return np.asarray(np.add.accumulate(added, axis=0)[-1])
    return np.asarray(np.add.reduce(added, axis=0))


def _is_category(trees: Sequence[Tree], j: int) -> bool:
    return any(tree.feature[node] == j for tree in trees for node in tree.sets)


def _cuts(trees: Sequence[Tree], j: int) -> np.ndarray:
    """Give the thresholds of a column, and infinity."""
    own = [tree.threshold[(tree.feature == j) & ~tree.is_leaf] for tree in trees]
    return np.unique(np.append(np.concatenate(own), np.inf))


def _n_rows(trees: Sequence[Tree], j: int, cuts: dict[int, np.ndarray]) -> int:
    """Count the values that a column's nodes tell apart, and what is missing."""
    if j in cuts:
        return len(cuts[j]) + 1
    codes = [tree.sets[node] for tree in trees for node in tree.sets if tree.feature[node] == j]
    return (
        int(max((own.max() for own in codes if len(own)), default=-1)) + 3
    )  # a code that is in no set, missing


def table_bytes(trees: Sequence[Tree]) -> int:
    """Say about how much room tables of trees would take.

    Parameters
    ----------
    trees : sequence of Tree
        The trees.

    Returns
    -------
    int
        Bytes, at most.
    """
    columns = {int(j) for tree in trees for j in tree.feature[~tree.is_leaf]}
    n_leaves = max((int(tree.is_leaf.sum()) for tree in trees), default=1)
    return len(columns) * 257 * len(trees) * (2 if n_leaves <= 16 else 4 if n_leaves <= 32 else 8)


def _grouped(sizes: dict[int, int]) -> list[list[int]]:
    """Put columns with few rows together while their combinations are few."""
    groups: list[list[int]] = []
    n_rows = MOST_MERGED + 1
    for j in sorted(sizes, key=lambda each: sizes[each]):
        if n_rows * sizes[j] <= MOST_MERGED:
            groups[-1].append(j)
            n_rows *= sizes[j]
        else:
            groups.append([j])
            n_rows = sizes[j]
    return groups


def _merged(tables: list[np.ndarray]) -> np.ndarray:
    """Write one table for all combinations of rows."""
    whole = tables[0]
    for table in tables[1:]:
        whole = (whole[:, None, :] & table[None, :, :]).reshape(-1, table.shape[1])
    return np.ascontiguousarray(whole)
