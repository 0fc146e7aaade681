"""The user's own samplers and classifiers in a fold's job: given rows in a form that they take, and watched.

No row that judges may come out of a sampler, and a classifier must score every row that it is asked about. Samplers of
imbalanced-learn know arrays and pandas frames; they get the numbers as an array, or, where there are categories, a
pandas frame, and what they give becomes a polars frame again.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from counterpoise.errors import InputError, LeakError, MissingExtra
from counterpoise.table.hashing import row_keys

__all__ = ["WatchedSampler", "check_scores", "without_samplers"]

_KNOWS_NO_POLARS = "imblearn."


class WatchedSampler:
    """A sampler of the user's own whose rows are looked at: none of them may be one that judges.

    Parameters
    ----------
    sampler : object
        Has ``fit_resample``.
    judging : polars.DataFrame, optional
        The test part of the fold.
    """

    def __init__(self, sampler: Any, judging: pl.DataFrame | None = None) -> None:
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
            Rows and labels as the sampler gives them, rows as a polars frame where it was given one.

        Raises
        ------
        LeakError
            If a row that judges is among them, and is not a copy of a training row.
        """
        sampler = clone(self.sampler) if hasattr(self.sampler, "get_params") else self.sampler
        if isinstance(X, pl.DataFrame) and type(sampler).__module__.startswith(_KNOWS_NO_POLARS):
            rows, labels = _resample(sampler, X, y)
        else:
            rows, labels = sampler.fit_resample(X, y)
        self._check(rows, X)
        return rows, labels

    def _check(self, rows: Any, X: Any) -> None:
        if self.judging is None or not isinstance(rows, pl.DataFrame) or rows.columns != self.judging.columns:
            return
        known = np.isin(row_keys(rows), np.setdiff1d(row_keys(self.judging), row_keys(X)))
        if known.any():
            raise LeakError(
                f"{type(self.sampler).__name__} gave back {int(known.sum())} rows of the test part.",
                expected="Expected rows made of the training rows that it was given.",
                why="The model would be judged by rows that it has learned from.",
                hint="Let the sampler keep nothing between calls.",
            )


def _resample(sampler: Any, X: pl.DataFrame, y: np.ndarray) -> tuple[pl.DataFrame, np.ndarray]:
    """Resample by a sampler that knows no polars."""
    if all(dtype.is_numeric() or dtype == pl.Boolean for dtype in X.dtypes):
        rows, labels = sampler.fit_resample(X.cast(pl.Float64).to_numpy(), y)
        return pl.DataFrame(np.asarray(rows), schema=X.columns, orient="row"), np.asarray(labels)
    if find_spec("pandas") is None or find_spec("pyarrow") is None:
        raise MissingExtra.of("pandas", "pandas")
    names = [name for name, dtype in X.schema.items() if dtype in (pl.String, pl.Categorical, pl.Enum)]
    rows, labels = sampler.fit_resample(X.to_pandas().astype(dict.fromkeys(names, "category")), y)
    return pl.from_pandas(rows).with_columns(pl.col(names).cast(pl.String)), np.asarray(labels)


def check_scores(proba: np.ndarray, n_rows: int, name: str) -> None:
    """Refuse scores of other rows than those that were asked about.

    Parameters
    ----------
    proba : ndarray of shape (n, ...)
        What a classifier gave.
    n_rows : int
        Rows that it was asked about.
    name : str
        The classifier's.

    Raises
    ------
    InputError
        If there are more scores, or fewer, than rows.
    """
    if len(proba) != n_rows:
        raise InputError(
            f"{name} gave {len(proba)} scores for {n_rows} rows.",
            expected="Expected one row of probabilities for each.",
            why="A classifier that drops or resamples rows where it predicts cannot be judged by them.",
            hint="Let it resample in fit only.",
        )


def without_samplers(learner: Any) -> Any:
    """Leave out of a fitted pipeline what is only needed to fit it.

    Parameters
    ----------
    learner : estimator
        Fitted.

    Returns
    -------
    estimator
        The same, or a pipeline of scikit-learn with the fitted steps that are no samplers.
    """
    steps = getattr(learner, "steps", [])
    kept = [(name, step) for name, step in steps if not hasattr(step, "fit_resample")]
    return Pipeline(kept) if len(kept) < len(steps) else learner
