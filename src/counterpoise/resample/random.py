"""Random over- and under-sampling: the treatments that only count.

Neither looks at X, so that each works for every kind of column, with missing values, and at the cost of drawing row
numbers. Source of the smoothed bootstrap: Menardi and Torelli, "Training and assessing classification rules with
imbalanced data", Data Mining and Knowledge Discovery 28, 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from counterpoise.chance import Seed
from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.resample.base import BaseSampler, require_choice, require_real
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.mixing import Invention, Noise
from counterpoise.resample.plan import Plan
from counterpoise.resample.strategy import SamplingStrategy

_FEW = 1 << 16  # rows of a class that 16 random bits can tell apart
_DRAWS = 1 << 15  # numbers drawn at a time: they stay in the cache until their rows are taken

__all__ = ["RandomOverSampler", "RandomUnderSampler"]


class RandomOverSampler(BaseSampler):
    """Draw rows of the smaller classes again, with replacement.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    shrinkage : float, mapping of label to float, or None, default=None
        None repeats rows as they are. A number draws a smoothed bootstrap: repeated rows receive Gaussian noise
        with covariance ``diag(h sigma)^2``, where ``sigma`` are the class's standard deviations and
        ``h = shrinkage (4 / ((d + 2) n))^(1 / (d + 4))``. Categories are repeated as they are.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    sample_indices_ : ndarray of shape (n_out,)
        Row of the input that each output row repeats (or is drawn around).
    shrinkage_ : dict or None
        Shrinkage of each class.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import RandomOverSampler
    >>> X, y = np.arange(10.0).reshape(5, 2), np.array([0, 0, 0, 0, 1])
    >>> X2, y2 = RandomOverSampler(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [4, 4]
    """

    _sampling_type = "over-sampling"
    _keeps_rows = True
    _looks_at_values = False

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        shrinkage: float | Mapping[Any, float] | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.shrinkage = shrinkage

    def _plan(self, data: Labelled) -> Plan:
        n = data.n_rows
        rows = np.empty(n + sum(data.wanted.values()), dtype=np.int64)
        rows[:n] = np.arange(n)
        stop = n
        for code, n_new in data.wanted.items():
            _draw_again(data, code, rows[stop : stop + n_new])
            stop += n_new
        everything, extra = rows[:n], rows[n:]
        self.shrinkage_ = self._shrinkages(data)
        if self.shrinkage_ is None:
            after = data.counts.copy()
            after[list(data.wanted)] += list(data.wanted.values())
            return Plan.keep(data.target, rows, pool=everything, after=after)
        noise = _class_noise(data, self.shrinkage_, np.asarray(data.codes[extra]))
        invention = Invention(extra, extra, np.zeros(len(extra)), noise=noise)
        return Plan.invent(data.target, everything, invention, reach=np.zeros(len(extra)))

    def _shrinkages(self, data: Labelled) -> dict[Any, float] | None:
        if self.shrinkage is None:
            return None
        labels = [data.label(code) for code in data.wanted]
        if not isinstance(self.shrinkage, Mapping):
            return dict.fromkeys(labels, require_real("shrinkage", self.shrinkage, 0.0))
        absent = [label for label in labels if label not in self.shrinkage]
        if absent:
            raise OptionError(
                f"shrinkage={self.shrinkage!r} was given.",
                expected=f"Expected a factor for each class that is resampled; {absent} have none.",
                why="It sets the width of the noise.",
            )
        return {label: require_real("shrinkage", self.shrinkage[label], 0.0) for label in labels}


class RandomUnderSampler(BaseSampler):
    """Keep a random part of the larger classes.

    Kept rows stay in the order of the table.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the smallest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    replacement : bool, default=False
        Whether a row may be drawn twice.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to keep.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that were kept.
    plan_ : Plan
        The plan of the last call. Its `batches` draw anew from all rows of each class in every epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import RandomUnderSampler
    >>> X, y = np.arange(10.0).reshape(5, 2), np.array([0, 0, 0, 1, 1])
    >>> X2, y2 = RandomUnderSampler(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [2, 2]
    """

    _sampling_type = "under-sampling"
    _keeps_rows = True
    _looks_at_values = False

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        replacement: bool = False,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.replacement = replacement

    def _check_parameters(self) -> None:
        require_choice("replacement", self.replacement, (True, False), meaning="May a row be drawn twice?")

    def _plan(self, data: Labelled) -> Plan:
        kept = [
            self._draw(data, code, data.wanted[code]) if code in data.wanted else data.rows_of(code)
            for code in range(len(data.classes))
        ]
        rows = np.sort(np.concatenate(kept), kind="stable")
        return Plan.keep(data.target, rows, pool=np.arange(data.n_rows))

    def _draw(self, data: Labelled, code: int, n: int) -> np.ndarray:
        rows = data.rows_of(code)
        draw = data.streams.child("random_under", data.label(code)).generator()
        chosen: np.ndarray = rows[draw.choice(len(rows), n, replace=self.replacement)]
        return chosen


def _draw_again(data: Labelled, code: int, out: np.ndarray) -> None:
    rows = data.rows_of(code)
    draw = data.streams.child("random_over", data.label(code)).generator()
    narrow = np.uint16 if len(rows) <= _FEW else np.uint32  # half the bits take two thirds of the time
    for start in range(0, len(out), _DRAWS):
        part = out[start : start + _DRAWS]
        which = draw.integers(0, len(rows), len(part), dtype=narrow)
        np.take(rows, which.astype(np.int64), out=part, mode="clip")


def _class_noise(data: Labelled, shrinkage: Mapping[Any, float], codes: np.ndarray) -> Noise:
    if data.is_sparse:
        raise TypeOfInputError(
            "shrinkage was given with a sparse matrix.",
            expected="Expected a dense array or a frame for a smoothed bootstrap.",
            why="Gaussian noise leaves nothing sparse.",
            hint="Use shrinkage=None.",
        )
    numeric = data.features.numeric
    n, d = data.n_rows, max(1, numeric.shape[1])
    width = (4 / ((d + 2) * n)) ** (1 / (d + 4))
    scales: list[np.ndarray] = []
    which = np.full(len(codes), -1, dtype=np.int32)
    for code in data.wanted:
        spread = np.nan_to_num(np.nanstd(numeric[data.rows_of(code)].astype(np.float64), axis=0))
        which[codes == code] = len(scales)
        scales.append(shrinkage[data.label(code)] * width * spread)
    seed = data.streams.child("random_over", "noise").seed()
    table = np.array(scales).reshape(len(scales), numeric.shape[1])
    return Noise(seed, table, which, np.arange(len(codes)))
