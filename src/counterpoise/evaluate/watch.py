"""A user's own sampler in a fold's job, watched: no row that judges may come out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone

from counterpoise.errors import LeakError
from counterpoise.table.hashing import row_keys

__all__ = ["WatchedSampler"]


class WatchedSampler:
    """A sampler of the user's own whose rows are looked at: none of them may be one that judges.

    Parameters
    ----------
    sampler : object
        Has ``fit_resample``.
    judging : polars.DataFrame
        The test part of the fold.
    """

    def __init__(self, sampler: Any, judging: pl.DataFrame) -> None:
        self.sampler = sampler
        self.judging = judging

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Resample, and refuse rows of the test part.

        Parameters
        ----------
        X : polars.DataFrame
            Training rows.
        y : ndarray
            Their labels.

        Returns
        -------
        tuple
            As the sampler gives it.

        Raises
        ------
        LeakError
            If a row that judges is among them, and is not a copy of a training row.
        """
        sampler = clone(self.sampler) if hasattr(self.sampler, "get_params") else self.sampler
        rows, labels = sampler.fit_resample(X, y)
        if isinstance(rows, pl.DataFrame) and rows.columns == self.judging.columns:
            known = np.isin(row_keys(rows), np.setdiff1d(row_keys(self.judging), row_keys(X)))
            if known.any():
                raise LeakError(
                    f"{type(self.sampler).__name__} gave back {int(known.sum())} rows of the test part.",
                    expected="Expected rows made of the training rows that it was given.",
                    why="The model would be judged by rows that it has learned from.",
                    hint="Let the sampler keep nothing between calls.",
                )
        return rows, labels
