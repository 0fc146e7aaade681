"""A table with its classes, as a sampler sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.chance import Streams
from counterpoise.resample.target import Target
from counterpoise.table import frames

__all__ = ["Labelled"]


@dataclass(slots=True, eq=False)
class Labelled:
    """A checked table, its classes, and what is asked of each class.

    Attributes
    ----------
    X : ndarray, CSR matrix or frame of shape (n_rows, n_columns)
        The table, in the kind it came in (lists as arrays). Numbers are finite or NaN.
    y : object
        The target as it came.
    target : Target
        Classes, the class of each row (`codes`), rows of each class (`counts`).
    wanted : dict of int to int
        For each class concerned, by its code, the number that the sampling strategy gives: rows to add
        (over-sampling), to keep (under-sampling), or the minority's size (cleaning).
    streams : Streams
        Random streams of this call; take ``streams.child(stage, label)``.
    """

    X: Any
    y: Any
    target: Target
    wanted: dict[int, int]
    streams: Streams
    _features: frames.Features | None = field(default=None, repr=False)

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(self.target.codes)

    @property
    def codes(self) -> np.ndarray:
        """Class of each row, as a position in `classes`."""
        return self.target.codes

    @property
    def classes(self) -> np.ndarray:
        """Labels, sorted."""
        return self.target.classes

    @property
    def counts(self) -> np.ndarray:
        """Rows of each class."""
        return self.target.counts

    @property
    def is_sparse(self) -> bool:
        """Whether the table is a sparse matrix."""
        return bool(sparse.issparse(self.X))

    @property
    def features(self) -> frames.Features:
        """The table as numbers and category codes (not for sparse input), made once."""
        if self._features is None:
            self._features = frames.features(self.X)
        return self._features

    def rows_of(self, code: int) -> np.ndarray:
        """Give the rows of a class.

        Parameters
        ----------
        code : int
            Position of the label in `classes`.

        Returns
        -------
        ndarray, int64
            Row numbers, ascending.
        """
        return np.flatnonzero(self.codes == code)

    def label(self, code: int) -> Any:
        """Give the label of a class as a Python value.

        Parameters
        ----------
        code : int
            Position of the label in `classes`.

        Returns
        -------
        object
            The label.
        """
        return self.classes[code].item() if hasattr(self.classes[code], "item") else self.classes[code]
