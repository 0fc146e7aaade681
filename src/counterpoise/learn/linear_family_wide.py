"""Families with many columns or several classes: quasi-Newton steps of all members side by side.

L-BFGS with its own memory and step length for each member (Nocedal & Wright, "Numerical Optimization", 2nd ed. 2006,
section 7.2), from a curvature that all members share: the second moments of the columns, in whose basis dividing by
any member's penalty is a division. With l1: accelerated proximal gradients (Beck & Teboulle, SIAM J. Imaging Sci.
2(1), 2009). Several classes: the softmax, whose curvature the second moments bound (Boehning, Ann. Inst. Statist.
Math. 44, 1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from counterpoise.learn.linear_family import (
    BLOCK_ROWS,
    ENOUGH,
    NOISE,
    STEP_TOLERANCE,
    BinaryRows,
    Members,
    smooth_pass,
)

__all__ = ["SoftmaxRows", "fit_softmax", "fit_wide", "softmax_pass", "softmax_rows"]

Smooth = Callable[[np.ndarray, Members], tuple[np.ndarray, np.ndarray]]


def fit_wide(rows: BinaryRows, members: Members, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Train a family on rows of two classes with many columns.

    Parameters
    ----------
    rows : BinaryRows
        The rows.
    members : Members
        The members.
    W : ndarray of shape (n_columns + 1, n_members), float64
        Where to start.

    Returns
    -------
    W : ndarray of shape (n_columns + 1, n_members), float64
        Coefficients, the intercept last.
    n_steps : ndarray of shape (n_members,), int64
        Steps taken.
    """
    gram = sum(X.T @ (X * weight[:, None]) for X, weight in zip(rows.X, rows.weight, strict=True))
    spread = _Spread.of(np.asarray(gram) / sum(weight.sum() for weight in rows.weight), rows.l2_scale, 0.25)
    return _fit_jointly(
        lambda V, some: smooth_pass(rows, some, V), members, W, rows.l1_scale[:, None], spread
    )


@dataclass(frozen=True)
class _Spread:
    """Mean second moments of the columns in their own basis: a start for the curvature that all members share."""

    basis: np.ndarray
    bend: np.ndarray
    ridge: float

    @classmethod
    def of(cls, gram: np.ndarray, l2_scale: np.ndarray, factor: float) -> _Spread:
        bend, basis = np.linalg.eigh(gram)
        return cls(basis, factor * np.maximum(bend, 1e-6 * bend.max()), float(np.median(l2_scale)))

    def solve(self, G: np.ndarray, wd: np.ndarray) -> np.ndarray:
        """Divide by the curvature: G is (p, ..., n_members)."""
        flat = self.basis.T @ G.reshape(len(self.bend), -1)
        spread = self.bend[:, None] + self.ridge * np.tile(wd, flat.shape[1] // len(wd))
        return np.asarray(self.basis @ (flat / spread)).reshape(G.shape)


def _fit_jointly(
    smooth: Smooth, members: Members, W: np.ndarray, l1_scale: np.ndarray, spread: _Spread
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise all members at once; parameters are of shape (..., n_members)."""
    W, n_steps, sparse = W.copy(), np.zeros(len(members), dtype=np.int64), members.l1 > 0
    if not sparse.all():
        W[..., ~sparse], n_steps[~sparse] = _lbfgs(smooth, members.take(~sparse), W[..., ~sparse], spread)
    if sparse.any():
        W[..., sparse], n_steps[sparse] = _fista(smooth, members.take(sparse), W[..., sparse], l1_scale)
    return W, n_steps


MEMORY = 10
"""Steps that L-BFGS remembers (Nocedal & Wright, section 7.2)."""

LBFGS_STEPS = 500
"""Most steps of L-BFGS."""


def _lbfgs(smooth: Smooth, members: Members, W: np.ndarray, spread: _Spread) -> tuple[np.ndarray, np.ndarray]:
    """Minimise smooth members side by side, each with its own memory and step length."""
    W, n_steps, active = W.copy(), np.zeros(len(members), dtype=np.int64), np.arange(len(members))
    value, G = smooth(W, members)
    memory: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(LBFGS_STEPS):
        these, V = members.take(active), W[..., active]
        step = -_two_loops(G, memory, spread, these.wd)
        promised = _dot(G, step)
        uphill = promised >= 0
        if uphill.any():
            step[..., uphill] = -spread.solve(G[..., uphill], these.wd[uphill])
            promised = _dot(G, step)
        moving = -promised > LBFGS_TOLERANCE * value
        n_steps[active] += 1
        new, new_value, new_G, stuck = _backtrack(smooth, these, V, step, value, G, promised)
        W[..., active] = new
        memory = [*memory[1 - MEMORY :], (new - V, new_G - G)]
        keep = moving & ~stuck
        active, value, G = active[keep], new_value[keep], new_G[..., keep]
        memory = [(s[..., keep], y[..., keep]) for s, y in memory]
        if not len(active):
            break
    return W, n_steps


LBFGS_TOLERANCE = 1e-11
"""A member is done when its step promises less than this share of its objective."""


def _dot(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.asarray((A * B).sum(axis=tuple(range(A.ndim - 1))))


def _two_loops(
    G: np.ndarray, memory: list[tuple[np.ndarray, np.ndarray]], spread: _Spread, wd: np.ndarray
) -> np.ndarray:
    q, shares = G.copy(), []
    for s, y in reversed(memory):
        curved = _dot(s, y)
        rho = np.where(curved > 0, 1.0 / np.where(curved > 0, curved, 1.0), 0.0)
        shares.append((rho, rho * _dot(s, q)))
        q -= shares[-1][1] * y
    q = spread.solve(q, wd)
    for (s, y), (rho, share) in zip(memory, reversed(shares), strict=True):
        q += (share - rho * _dot(y, q)) * s
    return q


def _backtrack(
    smooth: Smooth,
    members: Members,
    V: np.ndarray,
    step: np.ndarray,
    value: np.ndarray,
    G: np.ndarray,
    promised: np.ndarray,
    halvings: int = 30,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    length, point, new_value, new_G = np.ones(len(members)), V.copy(), value.copy(), G.copy()
    open_ = np.arange(len(members))
    for _ in range(halvings):
        trial = V[..., open_] + length[open_] * step[..., open_]
        f, g = smooth(trial, members.take(open_))
        fine = f <= value[open_] + ENOUGH * length[open_] * promised[open_] + NOISE * np.abs(value[open_])
        done = open_[fine]
        point[..., done], new_value[done], new_G[..., done] = trial[..., fine], f[fine], g[..., fine]
        open_ = open_[~fine]
        length[open_] *= 0.5
        if not len(open_):
            break
    stuck = np.zeros(len(members), dtype=bool)
    stuck[open_] = True
    return point, new_value, new_G, stuck


def _fista(
    smooth: Smooth, members: Members, W: np.ndarray, l1_scale: np.ndarray, max_steps: int = 3000
) -> tuple[np.ndarray, int]:
    axes = tuple(range(W.ndim - 1))
    V, previous, momentum, bound = W.copy(), W, 1.0, np.ones(len(members))
    n_steps = 0
    for n_steps in range(1, max_steps + 1):  # noqa: B007 - the count is the result
        value, G = smooth(V, members)
        while True:
            target = V - G / bound
            new = np.sign(target) * np.maximum(np.abs(target) - members.l1 * l1_scale / bound, 0.0)
            move = new - V
            model = value + (G * move).sum(axis=axes) + bound / 2 * (move**2).sum(axis=axes)
            worse = smooth(new, members)[0] > model + 1e-12 * np.abs(value)
            if not worse.any():
                break
            bound = np.where(worse, 2 * bound, bound)
        if np.abs(new - previous).max() <= 1e-2 * STEP_TOLERANCE:
            previous = new
            break
        if ((V - new) * (new - previous)).sum() > 0:  # restart (O'Donoghue & Candes, 2015)
            momentum = 1.0
        ahead = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        V = new + (momentum - 1) / ahead * (new - previous)
        previous, momentum = new, ahead
    return previous, n_steps


@dataclass(frozen=True)
class SoftmaxRows:
    """Rows of a problem with several classes.

    Attributes
    ----------
    X : ndarray of shape (n, n_columns + 1), float64
        Standardised rows, a column of ones last.
    codes : ndarray of shape (n,), int64
        Classes as 0, 1, ...
    weight : ndarray of shape (n,), float64
        Sample weights times class weights.
    n_classes : int
        Number of classes.
    l2_scale, l1_scale : ndarray of shape (n_columns + 1,), float64
        Factors in the penalties; zero for the intercept.
    """

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    n_classes: int
    l2_scale: np.ndarray
    l1_scale: np.ndarray


def softmax_rows(
    X: np.ndarray,
    codes: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
    *,
    l2_scale: np.ndarray,
    l1_scale: np.ndarray,
) -> SoftmaxRows:
    """Prepare the rows of a problem with several classes.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns), float64
        Standardised rows.
    codes : ndarray of shape (n,), int64
        Classes as 0, 1, ...
    weight : ndarray of shape (n,), float64
        Sample weights times class weights.
    n_classes : int
        Number of classes.
    l2_scale, l1_scale : ndarray of shape (n_columns,), float64
        Factor of each column in the penalties.

    Returns
    -------
    SoftmaxRows
        The rows with weight above zero, with a column of ones.
    """
    used = weight > 0
    X = np.column_stack([X[used], np.ones(int(used.sum()))])
    return SoftmaxRows(
        X, codes[used], weight[used], n_classes, np.append(l2_scale, 0.0), np.append(l1_scale, 0.0)
    )


def softmax_pass(rows: SoftmaxRows, members: Members, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give every member's mean softmax loss with its l2 penalty, and the gradient.

    Parameters
    ----------
    rows : SoftmaxRows
        The rows.
    members : Members
        The members; their positive weight is not used.
    W : ndarray of shape (n_columns + 1, n_classes, n_members), float64
        Coefficients, the intercept last.

    Returns
    -------
    value : ndarray of shape (n_members,)
        The smooth part of the objective.
    gradient : ndarray of the shape of W
        Its gradient.
    """
    p, k, m = W.shape
    value, gradient = np.zeros(m), np.zeros((p, k * m))
    for start in range(0, len(rows.X), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        X, codes, weight = rows.X[part], rows.codes[part], rows.weight[part]
        Z = (X @ W.reshape(p, k * m)).reshape(len(X), k, m)
        own = Z[np.arange(len(X)), codes]
        top = Z.max(axis=1, keepdims=True)
        np.exp(Z - top, out=Z)
        total = Z.sum(axis=1, keepdims=True)
        value += weight @ (np.log(total[:, 0]) + top[:, 0] - own)
        Z /= total
        Z[np.arange(len(X)), codes] -= 1.0
        Z *= weight[:, None, None]
        gradient += X.T @ Z.reshape(len(X), k * m)
    S, penalty = rows.weight.sum(), members.wd * rows.l2_scale[:, None, None]
    return value / S + 0.5 * (penalty * W**2).sum(axis=(0, 1)), gradient.reshape(W.shape) / S + penalty * W


def fit_softmax(
    rows: SoftmaxRows, members: Members, *, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Train a family on rows of several classes (multinomial logistic regression).

    Parameters
    ----------
    rows : SoftmaxRows
        The rows.
    members : Members
        The members.
    start : ndarray of shape (n_columns + 1, n_classes, n_members), optional
        Where to start.

    Returns
    -------
    W : ndarray of shape (n_columns + 1, n_classes, n_members), float64
        Coefficients, the intercept last; the classes' coefficients of a column sum to zero where there is no l1.
    n_steps : ndarray of shape (n_members,), int64
        Steps taken.
    """
    if start is None:
        start = np.zeros((len(rows.l2_scale), rows.n_classes, len(members)))
        share = np.bincount(rows.codes, weights=rows.weight, minlength=rows.n_classes)
        logs = np.log(np.maximum(share, np.finfo(float).tiny))
        start[-1] = (logs - logs.mean())[:, None]
    gram = rows.X.T @ (rows.X * rows.weight[:, None]) / rows.weight.sum()
    spread = _Spread.of(gram, rows.l2_scale, 1.0 / rows.n_classes)
    scale = rows.l1_scale[:, None, None]
    with threadpool_limits(1, "blas"):
        return _fit_jointly(lambda V, some: softmax_pass(rows, some, V), members, start, scale, spread)
