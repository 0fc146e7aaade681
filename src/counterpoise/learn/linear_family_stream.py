"""A family that learns from pieces: earlier rows are remembered as a quadratic, judged on rows held out of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from counterpoise.learn.linear_family import BinaryRows, Members, Past, fit_binary, hessians, smooth_pass

__all__ = ["FamilyStream"]


class FamilyStream:
    """What a family keeps between pieces.

    After a piece the loss of its rows is replaced by its second-order expansion at the members' new coefficients
    (an extended Kalman filter without process noise; Bishop, "Pattern Recognition and Machine Learning", 4.4), so
    that memory does not grow with the rows.

    Parameters
    ----------
    members : Members
        The members.
    n_columns : int
        Columns of the design.
    capacity : int
        Most rows kept to judge the members, half of them for positives.

    Attributes
    ----------
    W : ndarray of shape (n_columns + 1, n_members), float64
        Coefficients, the intercept last.
    n_pieces : int
        Pieces seen.
    n_passes : ndarray of shape (n_members,), int64
        Passes over pieces.
    """

    def __init__(self, members: Members, n_columns: int, capacity: int) -> None:
        m, p = len(members), n_columns + 1
        self.members = replace(members, past=Past(np.zeros((m, p, p)), np.zeros((p, m)), np.zeros(m)))
        self.W = np.zeros((p, m))
        self.capacity, self.n_pieces = capacity, 0
        self.n_passes = np.zeros(m, dtype=np.int64)
        self._rows = [np.empty((0, p)), np.empty((0, p))]
        self._weights, self._keys = [np.empty(0), np.empty(0)], [np.empty(0), np.empty(0)]
        self._mass = np.zeros(2)

    def learn(self, rows: BinaryRows) -> None:
        """Bring the members to the minimum of past and piece, then make the piece part of the past.

        Parameters
        ----------
        rows : BinaryRows
            The piece.
        """
        start = None if self.n_pieces == 0 else self.W
        self.W, passes = fit_binary(rows, self.members, start=start)
        plain = replace(self.members, past=None, wd=np.zeros(len(self.members)))
        total = rows.total(plain)
        H = hessians(rows, plain, self.W) * total[:, None, None]
        G = smooth_pass(rows, plain, self.W)[1] * total
        past = self.members.past
        bend, tilt, mass = (past.bend, past.tilt, past.mass) if past is not None else (0.0, 0.0, 0.0)
        tilt = tilt + G - np.einsum("mij,jm->im", H, self.W)
        self.members = replace(self.members, past=Past(bend + H, tilt, mass + total))
        self.n_passes = self.n_passes + passes
        self.n_pieces += 1

    def hold(
        self, X: np.ndarray, is_positive: np.ndarray, weight: np.ndarray, draw: np.random.Generator
    ) -> None:
        """Keep held out rows, a uniform sample of each class so far.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns + 1), float64
            Standardised rows, ones last.
        is_positive : ndarray of shape (n,), bool
            Which are positive.
        weight : ndarray of shape (n,), float64
            Weights.
        draw : numpy.random.Generator
            Draws each row's key; the smallest keys stay.
        """
        for side in (0, 1):
            these = is_positive == bool(side)
            self._mass[side] += weight[these].sum()
            keys = np.concatenate([self._keys[side], draw.random(int(these.sum()))])
            kept = np.argsort(keys, kind="stable")[: self.capacity // 2]
            self._keys[side] = keys[kept]
            self._rows[side] = np.concatenate([self._rows[side], X[these]])[kept]
            self._weights[side] = np.concatenate([self._weights[side], weight[these]])[kept]

    def held(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the rows that judge the members.

        Returns
        -------
        X : ndarray of shape (n, n_columns + 1), float64
            Rows.
        is_positive : ndarray of shape (n,), bool
            Which are positive.
        weight : ndarray of shape (n,), float64
            Weights; each class has the mass of all its rows held out so far.
        """
        scaled = [
            weights * (mass / weights.sum()) if len(weights) else weights
            for weights, mass in zip(self._weights, self._mass, strict=True)
        ]
        is_positive = np.arange(len(scaled[0]) + len(scaled[1])) >= len(scaled[0])
        return np.concatenate(self._rows), is_positive, np.concatenate(scaled)
