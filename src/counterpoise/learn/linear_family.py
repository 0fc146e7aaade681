"""A family of linear classifiers trained together, every pass over the rows shared by all its members.

A member is one choice of regularisation and of the weight of the positive rows. All members see the same rows, so
their margins are one matrix product, ``Z = X W`` with a column a member, and their gradients another, ``X' R``.
Member ``m`` minimises

    (1 / S_m) sum_i s_i c_im loss(t_i z_im) + wd_m / 2 sum_j k_j w_jm^2 + l1_m sum_j q_j |w_jm|

where ``t`` is +1 or -1, ``s`` the sample weights, ``c_im`` the member's positive weight on positive rows and 1 on
the others, and ``S_m = sum_i s_i c_im``. The intercept is not penalised.

Few columns: Newton steps on a sample of the rows give each member a start and its curvature; quasi-Newton steps
(BFGS; Nocedal & Wright, "Numerical Optimization", 2nd ed. 2006, section 6.1) on exact gradients of all rows finish,
so that sampling decides the speed and never the answer. With l1 the step minimises the same quadratic model plus
the l1 term by active sets (proximal Newton: Lee, Sun, Saunders, SIAM J. Optim. 24(3), 2014). Many columns,
or several classes: L-BFGS on all members at once, accelerated proximal gradients (Beck & Teboulle, SIAM J. Imaging
Sci. 2(1), 2009) where there is l1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = ["BinaryRows", "Members", "binary_rows", "fit_binary", "hessians", "smooth_pass"]

Loss = Literal["logistic", "hinge"]

T = TypeVar("T")

HINGE_WIDTH = 0.5
"""Half-width over which the hinge is rounded by a parabola (Chapelle, Neural Computation 19(5), 2007)."""

BLOCK_ROWS = 4096
"""Rows a block: its margins for 32 members fit in a core's cache; sums are taken block by block in order."""

HESSIAN_ROWS = 16_384
"""Above this many rows curvature comes from a sample of them; the answer does not depend on it."""

NEWTON_WIDTH = 160
"""Up to this many columns each member keeps its own matrix of curvature."""

STEP_TOLERANCE = 2e-5
"""A member is done when its full step moves no coefficient by more than this, in standardised units."""

PROMISE_TOLERANCE = 1e-10
"""A member is done, too, when its model promises a decrease of the objective by less than this share of it."""

MAX_STEPS = 100
"""Most steps of a member."""

ACTIVE_SET_STEPS = 40
"""Most changes of the active sets before alternating directions take over."""

SPLIT_STEPS = 300
"""Most alternations where the active sets cycle; the next step continues from there."""


@dataclass(frozen=True)
class Past:
    """A quadratic in place of the loss of rows that are gone: ``tilt . w + w' bend w / 2``, of each member.

    Attributes
    ----------
    bend : ndarray of shape (n_members, p, p), float64
        Sum of the rows' curvature where each piece ended.
    tilt : ndarray of shape (p, n_members), float64
        The linear term.
    mass : ndarray of shape (n_members,), float64
        Weight of those rows.
    """

    bend: np.ndarray
    tilt: np.ndarray
    mass: np.ndarray

    def take(self, which: np.ndarray) -> Past:
        """Give some of the members.

        Parameters
        ----------
        which : ndarray of int64 or bool
            Which.

        Returns
        -------
        Past
            Theirs.
        """
        return Past(self.bend[which], self.tilt[:, which], self.mass[which])


@dataclass(frozen=True)
class Members:
    """The choices that set the members of a family apart.

    Attributes
    ----------
    l1, wd : ndarray of shape (n_members,), float64
        Weights of the l1 and of the squared l2 penalty, per mean loss.
    positive_weight : ndarray of shape (n_members,), float64
        How often a positive row counts.
    past : Past or None
        What is remembered of rows that are gone; None where there are none.
    """

    l1: np.ndarray
    wd: np.ndarray
    positive_weight: np.ndarray
    past: Past | None = None

    def __len__(self) -> int:
        return len(self.wd)

    def take(self, which: np.ndarray) -> Members:
        """Give some of the members.

        Parameters
        ----------
        which : ndarray of int64 or bool
            Which.

        Returns
        -------
        Members
            Those.
        """
        past = None if self.past is None else self.past.take(which)
        return Members(self.l1[which], self.wd[which], self.positive_weight[which], past)


@dataclass(frozen=True)
class BinaryRows:
    """Rows of a problem with two classes, kept apart by class.

    Attributes
    ----------
    X : tuple of two ndarrays of shape (n, n_columns + 1), float64
        Standardised rows of the negatives and of the positives, a column of ones last.
    weight : tuple of two ndarrays of shape (n,), float64
        Their sample weights.
    loss : {"logistic", "hinge"}
        Loss of a margin.
    l2_scale, l1_scale : ndarray of shape (n_columns + 1,), float64
        The factors ``k`` and ``q``; zero for the intercept.
    n_jobs : int
        Threads over blocks of rows; the result does not depend on it.
    """

    X: tuple[np.ndarray, np.ndarray]
    weight: tuple[np.ndarray, np.ndarray]
    loss: Loss
    l2_scale: np.ndarray
    l1_scale: np.ndarray
    n_jobs: int = 1
    pool: ThreadPoolExecutor | None = field(default=None, repr=False, compare=False)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.X[0]) + len(self.X[1])

    def total(self, members: Members) -> np.ndarray:
        """Give ``S_m``, the total weight that each member sees.

        Parameters
        ----------
        members : Members
            The members.

        Returns
        -------
        ndarray of shape (n_members,), float64
            The totals.
        """
        past = 0.0 if members.past is None else members.past.mass
        return np.asarray(self.weight[0].sum() + self.weight[1].sum() * members.positive_weight + past)


def binary_rows(
    X: np.ndarray,
    is_positive: np.ndarray,
    weight: np.ndarray,
    *,
    loss: Loss,
    l2_scale: np.ndarray,
    l1_scale: np.ndarray,
    n_jobs: int = 1,
) -> BinaryRows:
    """Set the rows of a problem with two classes apart by class.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns), float64
        Standardised rows.
    is_positive : ndarray of shape (n,), bool
        Which rows are positive.
    weight : ndarray of shape (n,), float64
        Sample weights.
    loss : {"logistic", "hinge"}
        Loss of a margin.
    l2_scale, l1_scale : ndarray of shape (n_columns,), float64
        Factor of each column in the penalties: ones to penalise standardised coefficients.
    n_jobs : int, default=1
        Threads.

    Returns
    -------
    BinaryRows
        A copy of the rows with weight above zero, with a column of ones.
    """
    used = weight > 0
    sides = [np.flatnonzero(used & ~is_positive), np.flatnonzero(used & is_positive)]
    blocks = [np.empty((len(side), X.shape[1] + 1)) for side in sides]
    for block, side in zip(blocks, sides, strict=True):
        block[:, :-1] = X[side]
        block[:, -1] = 1.0
    return BinaryRows(
        (blocks[0], blocks[1]),
        (weight[sides[0]], weight[sides[1]]),
        loss,
        np.append(l2_scale, 0.0),
        np.append(l1_scale, 0.0),
        n_jobs,
    )


# --- one pass over the rows --------------------------------------------------------------------------------------


def loss_and_slope(u: np.ndarray, loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Give the loss and its slope of ``u``, minus the margin.

    The logistic loss is ``log(1 + exp(u))``. The hinge ``max(0, 1 + u)`` is rounded by a parabola where ``1 + u``
    is within `HINGE_WIDTH` of zero, so that it has a slope everywhere.

    Parameters
    ----------
    u : ndarray of float64
        Minus the margin: positive on the wrong side. Overwritten.
    loss : {"logistic", "hinge"}
        Which.

    Returns
    -------
    loss, slope : ndarray of the shape of u
        Value and derivative.
    """
    if loss == "hinge":
        u += 1.0
        rounded = np.clip(u, -HINGE_WIDTH, HINGE_WIDTH)
        slope = (rounded + HINGE_WIDTH) / (2 * HINGE_WIDTH)
        return np.maximum(u - HINGE_WIDTH, 0.0) + HINGE_WIDTH * slope**2, slope
    small = np.abs(u)
    np.negative(small, out=small)
    np.exp(small, out=small)
    slope = np.where(u > 0, 1.0, small)
    small += 1.0
    slope /= small
    np.log(small, out=small)
    np.maximum(u, 0.0, out=u)
    small += u
    return small, slope


def curvature(u: np.ndarray, loss: Loss) -> np.ndarray:
    """Give the second derivative of the loss.

    Parameters
    ----------
    u : ndarray of float64
        Minus the margin.
    loss : {"logistic", "hinge"}
        Which.

    Returns
    -------
    ndarray of the shape of u
        Second derivative.
    """
    if loss == "hinge":
        return (np.abs(u + 1.0) <= HINGE_WIDTH) / (2 * HINGE_WIDTH)
    small = np.exp(-np.abs(u))
    return np.asarray(small / (1.0 + small) ** 2)


def _blocks(rows: BinaryRows) -> list[tuple[int, slice]]:
    return [
        (side, slice(start, start + BLOCK_ROWS))
        for side in (0, 1)
        for start in range(0, len(rows.X[side]), BLOCK_ROWS)
    ]


def _each_block(rows: BinaryRows, work: Callable[[tuple[int, slice]], T]) -> Iterator[T]:
    """Do the work of each block, in threads where there is a pool; the results come in order."""
    blocks = _blocks(rows)
    return map(work, blocks) if rows.pool is None or len(blocks) < 2 else rows.pool.map(work, blocks)


@contextmanager
def threaded(rows: BinaryRows) -> Iterator[BinaryRows]:
    """Give the rows a pool of threads, each with one thread of linear algebra.

    Parameters
    ----------
    rows : BinaryRows
        The rows.

    Yields
    ------
    BinaryRows
        The same rows, with a pool unless a single thread is asked for or there is one block only.
    """
    with threadpool_limits(1, "blas"):
        if rows.n_jobs == 1 or rows.n_rows <= BLOCK_ROWS:
            yield rows
            return
        with ThreadPoolExecutor(rows.n_jobs) as pool:
            yield replace(rows, pool=pool)


def smooth_pass(rows: BinaryRows, members: Members, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the smooth part of every member's objective and its gradient, in one pass.

    Parameters
    ----------
    rows : BinaryRows
        The rows.
    members : Members
        The members.
    W : ndarray of shape (n_columns + 1, n_members), float64
        Their coefficients, the intercept last.

    Returns
    -------
    value : ndarray of shape (n_members,)
        Mean loss plus the l2 penalty.
    gradient : ndarray of shape (n_columns + 1, n_members)
        Its gradient.
    """
    values, gradients = np.zeros((2, len(members))), np.zeros((2, *W.shape))

    def work(block: tuple[int, slice]) -> tuple[int, np.ndarray, np.ndarray]:  # numpydoc ignore=GL08
        side, part = block
        X, weight = rows.X[side][part], rows.weight[side][part]
        u = X @ W
        if side == 1:
            np.negative(u, out=u)
        loss, slope = loss_and_slope(u, rows.loss)
        slope *= weight[:, None]
        return side, weight @ loss, X.T @ slope

    for side, value, gradient in _each_block(rows, work):
        values[side] += value
        gradients[side] += gradient
    total, penalty = rows.total(members), members.wd * rows.l2_scale[:, None]
    value = values[0] + values[1] * members.positive_weight
    gradient = gradients[0] - gradients[1] * members.positive_weight
    if members.past is not None:
        pull = np.einsum("mij,jm->im", members.past.bend, W)
        value += ((members.past.tilt + 0.5 * pull) * W).sum(axis=0)
        gradient += members.past.tilt + pull
    value, gradient = value / total, gradient / total
    return value + 0.5 * (penalty * W**2).sum(axis=0), gradient + penalty * W


def hessians(rows: BinaryRows, members: Members, W: np.ndarray) -> np.ndarray:
    """Give the second derivatives of every member's smooth part.

    Parameters
    ----------
    rows : BinaryRows
        The rows.
    members : Members
        The members.
    W : ndarray of shape (n_columns + 1, n_members), float64
        Their coefficients.

    Returns
    -------
    ndarray of shape (n_members, n_columns + 1, n_columns + 1), float64
        Symmetric, positive semi-definite.
    """
    p, m = W.shape
    sums = np.zeros((m, p, p))

    def work(block: tuple[int, slice]) -> np.ndarray:  # numpydoc ignore=GL08
        side, part = block
        X, weight = rows.X[side][part], rows.weight[side][part]
        u = X @ W if side == 0 else -(X @ W)
        bend = curvature(u, rows.loss) * weight[:, None]
        if side == 1:
            bend *= members.positive_weight
        return np.stack([X.T @ (X * bend[:, [j]]) for j in range(m)])

    for part in _each_block(rows, work):
        sums += part
    if members.past is not None:
        sums += members.past.bend
    sums /= rows.total(members)[:, None, None]
    diagonal = np.einsum("mjj->mj", sums)
    diagonal += members.wd[:, None] * rows.l2_scale
    return sums


# --- the step of each member -------------------------------------------------------------------------------------


def newton_step(B: np.ndarray, G: np.ndarray, W: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Minimise each member's quadratic model plus its l1 term.

    Parameters
    ----------
    B : ndarray of shape (n_members, p, p), float64
        Curvature.
    G, W : ndarray of shape (p, n_members), float64
        Gradient and coefficients.
    threshold : ndarray of shape (p, n_members), float64
        Weight of ``|w|``.

    Returns
    -------
    ndarray of shape (p, n_members), float64
        The step.
    """
    step = np.empty_like(W)
    sparse = threshold.any(axis=0)
    if not sparse.all():
        smooth = ~sparse
        step[:, smooth] = -_solve(B[smooth], G[:, smooth].T).T
    if sparse.any():
        parts = (G[:, sparse].T, W[:, sparse].T, threshold[:, sparse].T)
        step[:, sparse] = _sparse_step(B[sparse], *parts).T
    return step


RIDGE = 1e-10
"""Share of the mean curvature that is added to the diagonal, so that a flat direction has a step of finite size."""


def _solve(B: np.ndarray, g: np.ndarray) -> np.ndarray:
    p = B.shape[1]
    ridge = RIDGE * np.einsum("mjj->m", B)[:, None, None] / p + np.finfo(float).tiny
    return np.asarray(np.linalg.solve(B + ridge * np.eye(p), g[:, :, None])[:, :, 0])


def _sparse_step(B: np.ndarray, g: np.ndarray, w: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Minimise quadratic models plus l1 by active sets (semismooth Newton: Hintermueller, Ito, Kunisch, 2003).

    A coordinate is active where a thresholded step would leave it away from zero; the active ones solve a linear
    system, the others are zero, until the sets repeat. The few members whose sets cycle are left to alternating
    directions. Arrays are (n_members, p); B is (n_members, p, p).
    """
    pull = np.maximum(np.einsum("mjj->mj", B), np.finfo(float).tiny)
    linear = g - np.einsum("mij,mj->mi", B, w)
    point, previous = w.copy(), None
    for _ in range(ACTIVE_SET_STEPS):
        target = point - (linear + np.einsum("mij,mj->mi", B, point)) / pull
        active = np.abs(target) > threshold / pull
        signs = np.where(active, np.sign(target), 0.0)
        if previous is not None and np.array_equal(signs, previous):
            return np.asarray(point - w)
        masked = B * (active[:, :, None] & active[:, None, :])
        np.einsum("mjj->mj", masked)[~active] = 1.0
        point = -_solve(masked, np.where(active, linear + threshold * signs, 0.0))
        previous = signs
    cycling = ~_is_minimum(B, linear, point, threshold)
    point[cycling] = _split_minimum(B[cycling], linear[cycling], w[cycling], threshold[cycling])
    return np.asarray(point - w)


def _is_minimum(B: np.ndarray, linear: np.ndarray, point: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    slope = linear + np.einsum("mij,mj->mi", B, point)
    wrong = np.where(
        point != 0, np.abs(slope + threshold * np.sign(point)), np.maximum(np.abs(slope) - threshold, 0)
    )
    return np.asarray(wrong.max(axis=1) <= 1e-9 * np.maximum(1.0, np.abs(linear).max(axis=1)))


def _split_minimum(B: np.ndarray, linear: np.ndarray, point: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Minimise quadratic models plus l1 by alternating directions (S. Boyd et al., Found. Trends ML 3(1), 2011, 6.4).

    Slower than active sets and never cycling; near the minimum is enough, the next step of the member goes on.
    """
    p = B.shape[1]
    pull = np.maximum(np.einsum("mjj->m", B) / p, np.finfo(float).tiny)[:, None]
    inverse = np.linalg.inv(B + pull[:, :, None] * np.eye(p))
    dual = np.zeros_like(point)
    for _ in range(SPLIT_STEPS):
        smooth = np.matmul(inverse, (pull * (point - dual) - linear)[:, :, None])[:, :, 0]
        relaxed = 1.6 * smooth - 0.6 * point
        target = relaxed + dual
        new = np.sign(target) * np.maximum(np.abs(target) - threshold / pull, 0.0)
        dual = target - new
        settled = np.abs(new - point).max(initial=0.0) + np.abs(smooth - new).max(initial=0.0) <= 1e-8
        point = new
        if settled:
            break
    return point


def _bfgs(B: np.ndarray, s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Update each member's curvature by the change ``y`` of its gradient over the step ``s``, both (m, p)."""
    Bs = np.einsum("mij,mj->mi", B, s)
    sBs, ys = np.einsum("mi,mi->m", s, Bs), np.einsum("mi,mi->m", s, y)
    usable = (ys > 1e-8 * sBs) & (sBs > 0)
    safe_sBs, safe_ys = np.where(usable, sBs, 1.0)[:, None, None], np.where(usable, ys, 1.0)[:, None, None]
    change = y[:, :, None] * y[:, None, :] / safe_ys - Bs[:, :, None] * Bs[:, None, :] / safe_sBs
    return np.asarray(B + np.where(usable[:, None, None], change, 0.0))


# --- descent ------------------------------------------------------------------------------------------------------

Watch = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Called after each step with the coefficients of the members still moving and their numbers; True where to stop."""


def descend(
    rows: BinaryRows,
    members: Members,
    W: np.ndarray,
    *,
    B: np.ndarray | None = None,
    tolerance: float = STEP_TOLERANCE,
    max_steps: int = MAX_STEPS,
    watch: Watch | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bring every member to its minimum.

    Parameters
    ----------
    rows : BinaryRows
        The rows.
    members : Members
        The members.
    W : ndarray of shape (n_columns + 1, n_members), float64
        Where to start.
    B : ndarray of shape (n_members, p, p), optional
        Curvature to start from and to correct as it goes; None computes it afresh at every step (Newton).
    tolerance : float
        Largest move of a coefficient at which a member is done.
    max_steps : int
        Most steps a member may take.
    watch : callable, optional
        May stop a member early.

    Returns
    -------
    W : ndarray of shape (n_columns + 1, n_members)
        The minima.
    n_steps : ndarray of shape (n_members,), int64
        Steps taken.
    """
    W, n_steps = W.copy(), np.zeros(len(members), dtype=np.int64)
    active = np.arange(len(members))
    value, G = smooth_pass(rows, members, W)
    for _ in range(max_steps):
        these, V = members.take(active), W[:, active]
        threshold = these.l1 * rows.l1_scale[:, None]
        bend = hessians(rows, these, V) if B is None else B[active]
        step = newton_step(bend, G, V, threshold)
        n_steps[active] += 1
        small = np.abs(step).max(axis=0) <= tolerance * np.maximum(1.0, np.abs(V).max(axis=0))
        small |= _promised(G, V, step, threshold) >= -PROMISE_TOLERANCE * value
        W[:, active[small]] += step[:, small]
        moving = ~small
        if not moving.any():
            break
        active, these, V, step = active[moving], these.take(moving), V[:, moving], step[:, moving]
        old_G, threshold = G[:, moving], threshold[:, moving]
        new, value, G, stuck = _line_search(rows, these, V, step, value[moving], old_G, threshold)
        W[:, active] = new
        if B is not None:
            B[active] = _bfgs(B[active], (new - V).T, (G - old_G).T)
        keep = ~stuck
        if watch is not None:
            keep &= ~watch(new, active)
        active, value, G = active[keep], value[keep], G[:, keep]
        if not len(active):
            break
    return W, n_steps


def _promised(G: np.ndarray, V: np.ndarray, step: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Give the first-order change of each member's objective over the step: negative where it descends."""
    return np.asarray((G * step).sum(axis=0) + (threshold * (np.abs(V + step) - np.abs(V))).sum(axis=0))


ENOUGH = 1e-4
"""Share of the promised decrease that a step must bring (Armijo)."""

NOISE = 1e-13
"""Relative rounding error of a value, within which two are equal."""


def _line_search(
    rows: BinaryRows,
    members: Members,
    V: np.ndarray,
    step: np.ndarray,
    value: np.ndarray,
    G: np.ndarray,
    threshold: np.ndarray,
    halvings: int = 30,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Halve the steps of the members that do not descend; give point, value, gradient and who is stuck."""
    whole = value + (threshold * np.abs(V)).sum(axis=0)
    promised = _promised(G, V, step, threshold)
    length, point = np.ones(len(members)), V.copy()
    new_value, new_G, open_ = value.copy(), G.copy(), np.arange(len(members))
    for _ in range(halvings):
        trial = V[:, open_] + length[open_] * step[:, open_]
        f, g = smooth_pass(rows, members.take(open_), trial)
        reached = f + (threshold[:, open_] * np.abs(trial)).sum(axis=0)
        bound = whole[open_] + ENOUGH * length[open_] * promised[open_] + NOISE * np.abs(whole[open_])
        fine = reached <= bound
        done = open_[fine]
        point[:, done], new_value[done], new_G[:, done] = trial[:, fine], f[fine], g[:, fine]
        open_ = open_[~fine]
        length[open_] *= 0.5
        if not len(open_):
            break
    stuck = np.zeros(len(members), dtype=bool)
    stuck[open_] = True
    return point, new_value, new_G, stuck


# --- a start from a sample ----------------------------------------------------------------------------------------


def thin(rows: BinaryRows, members: Members, W: np.ndarray, n: int, draw: np.random.Generator) -> BinaryRows:
    """Take about n rows, those that make the curvature first, weighted so that sums keep their expectation.

    A row is drawn with probability in proportion to its curvature (mean over the members) times its squared length,
    which bounds the variance of the sampled Hessian (Xu, Yang, Roosta, Re, Mahoney, NIPS 2016).

    Parameters
    ----------
    rows : BinaryRows
        The rows.
    members : Members
        The members.
    W : ndarray of shape (n_columns + 1, n_members), float64
        Where the curvature is wanted.
    n : int
        How many rows.
    draw : numpy.random.Generator
        Draws.

    Returns
    -------
    BinaryRows
        The sample.
    """
    share = members.positive_weight / rows.total(members), 1.0 / rows.total(members)

    def work(block: tuple[int, slice]) -> tuple[int, np.ndarray]:  # numpydoc ignore=GL08
        side, part = block
        X = rows.X[side][part]
        bend = curvature(X @ W if side == 0 else -(X @ W), rows.loss) @ share[1 - side]
        return side, bend * rows.weight[side][part] * np.einsum("ij,ij->i", X, X)

    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for side, mass in _each_block(rows, work):
        parts[side].append(mass)
    mass = np.concatenate([*parts[0], *parts[1]])
    chance = np.minimum(1.0, n * (0.9 * mass / mass.sum() + 0.1 / len(mass)))
    chosen = np.flatnonzero(draw.random(len(mass)) < chance)
    split = np.searchsorted(chosen, len(rows.X[0]))
    sides = chosen[:split], chosen[split:] - len(rows.X[0])
    odds = chance[chosen[:split]], chance[chosen[split:]]
    X = rows.X[0][sides[0]], rows.X[1][sides[1]]
    return replace(rows, X=X, weight=(rows.weight[0][sides[0]] / odds[0], rows.weight[1][sides[1]] / odds[1]))


def fit_binary(
    rows: BinaryRows,
    members: Members,
    *,
    start: np.ndarray | None = None,
    init_bias: float | None = None,
    seed: np.random.Generator | None = None,
    watch: Watch | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Train a family on rows of two classes.

    Parameters
    ----------
    rows : BinaryRows
        The rows; both classes must be there.
    members : Members
        The members.
    start : ndarray of shape (n_columns + 1, n_members), optional
        Where to start; near the answer saves passes.
    init_bias : float, optional
        The intercept to start from; default the log odds that each member sees.
    seed : numpy.random.Generator, optional
        Draws the sample that curvature is taken from.
    watch : callable, optional
        May stop a member early.

    Returns
    -------
    W : ndarray of shape (n_columns + 1, n_members), float64
        Coefficients, the intercept last.
    n_steps : ndarray of shape (n_members,), int64
        Passes over all rows.
    """
    seed = np.random.default_rng(0) if seed is None else seed
    W = _start(rows, members, init_bias) if start is None else start
    with threaded(rows) as rows:
        if len(rows.l2_scale) > NEWTON_WIDTH:
            from counterpoise.learn.linear_family_wide import fit_wide

            return fit_wide(rows, members, W)
        if rows.n_rows <= HESSIAN_ROWS:
            return descend(rows, members, W, watch=watch)
        if start is None:
            sample = thin(rows, members, W, HESSIAN_ROWS // 2, seed)
            W, _ = descend(sample, members, W, tolerance=0.05, max_steps=30)
        B = _sampled_hessians(rows, thin(rows, members, W, HESSIAN_ROWS, seed), members, W)
        return descend(rows, members, W, B=B, watch=watch)


def _sampled_hessians(rows: BinaryRows, sample: BinaryRows, members: Members, W: np.ndarray) -> np.ndarray:
    """Estimate the Hessians of all rows; the weights of a sample divide by the total of all rows."""
    B = hessians(sample, replace(members, wd=np.zeros(len(members))), W)
    B *= (sample.total(members) / rows.total(members))[:, None, None]
    np.einsum("mjj->mj", B)[...] += members.wd[:, None] * rows.l2_scale
    return B


def _start(rows: BinaryRows, members: Members, init_bias: float | None) -> np.ndarray:
    W = np.zeros((len(rows.l2_scale), len(members)))
    odds = members.positive_weight * rows.weight[1].sum() / rows.weight[0].sum()
    W[-1] = (
        (np.log(odds) if rows.loss == "logistic" else np.sign(odds - 1)) if init_bias is None else init_bias
    )
    return W
