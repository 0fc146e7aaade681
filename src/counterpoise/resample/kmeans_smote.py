"""KMeans-SMOTE: new rows inside clusters where a class is at home.

Source: F. Last, G. Douzas, F. Bacao, "Oversampling for imbalanced learning based on k-means and SMOTE", 2017,
arXiv:1711.00837.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances
from threadpoolctl import threadpool_limits

from counterpoise.chance import Seed
from counterpoise.errors import CounterpoiseWarning, TypeOfInputError
from counterpoise.resample.base import require_integer, require_real
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.segments import (
    Additions,
    apportion,
    draw_segments,
    has_categories,
    planned,
    reachable_neighbours,
)
from counterpoise.resample.smote import BaseSMOTE
from counterpoise.resample.spaces import NeighbourSpace, design_matrix, whole_space
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["KMeansSMOTE"]

_MOST_PAIRED = 2000
"""Rows of a cluster whose mean distance is computed; more are represented by a draw of so many."""


class KMeansSMOTE(BaseSMOTE):
    """Cluster all rows, and apply SMOTE inside the clusters where a class holds its ground.

    A cluster is used where the class's share of it reaches `cluster_balance_threshold` and it has more than
    `k_neighbors` rows of the class. Sparse clusters receive more new rows: a cluster weighs
    ``mean_distance^exponent / n_rows``. Where no cluster qualifies, the clusters with more than the class's share of
    the whole table are used, and then the class as a whole, with a warning.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    k_neighbors : int or estimator, default=2
        How many neighbours a row may go to.
    n_jobs : int or None, default=None
        Kept for imbalanced-learn's signature; the result and nearly all the time do not depend on it.
    kmeans_estimator : int, estimator or None, default=None
        A number of clusters, or a clustering estimator; ``MiniBatchKMeans()`` by default.
    cluster_balance_threshold : float or "auto", default="auto"
        Least share of the class in a cluster; ``"auto"`` is half of the class's share of all new rows.
    density_exponent : float or "auto", default="auto"
        Exponent of the mean distance; ``"auto"`` grows with the logarithm of the cluster's size.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread before rows are clustered and compared.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    kmeans_estimator_ : estimator
        The fitted clustering.
    cluster_balance_threshold_ : float or "auto"
        The threshold that was asked.
    nn_k_ : estimator
        A neighbour search as asked for.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import KMeansSMOTE
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 2)), np.repeat([0, 1], [170, 30])
    >>> X2, y2 = KMeansSMOTE(kmeans_estimator=4, random_state=0).fit_resample(X + 6 * y[:, None], y)
    >>> np.bincount(y2).tolist()
    [170, 170]
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 2,
        n_jobs: int | None = None,
        kmeans_estimator: Any = None,
        cluster_balance_threshold: float | str = "auto",
        density_exponent: float | str = "auto",
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            neighbour_space=neighbour_space,
        )
        self.n_jobs = n_jobs
        self.kmeans_estimator = kmeans_estimator
        self.cluster_balance_threshold = cluster_balance_threshold
        self.density_exponent = density_exponent

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name in ("cluster_balance_threshold", "density_exponent"):
            if getattr(self, name) != "auto":
                require_real(name, getattr(self, name), -np.inf)
        if isinstance(self.kmeans_estimator, int):
            require_integer("kmeans_estimator", self.kmeans_estimator, 1, meaning="It counts clusters.")
        elif self.kmeans_estimator is not None and not hasattr(self.kmeans_estimator, "fit"):
            raise TypeOfInputError(
                f"kmeans_estimator={self.kmeans_estimator!r} was given.",
                expected="Expected a number of clusters, a clustering estimator, or None.",
                why="It divides the table into clusters.",
            )

    def _plan(self, data: Labelled) -> Plan:
        k = self._prepare()
        points = design_matrix(whole_space(data, self.neighbour_space))
        clusters = self._clusters(data, points)
        total = sum(data.wanted.values())
        parts = [
            part
            for code, n in data.wanted.items()
            if n
            for part in self._additions(data, code, n, total, k, points, clusters)
        ]
        return planned(data, parts)

    def _clusters(self, data: Labelled, points: Any) -> np.ndarray:
        seed = data.streams.child("kmeans").seed()
        given = self.kmeans_estimator
        if given is None or isinstance(given, int):
            n_clusters = min(8 if given is None else given, data.n_rows)
            self.kmeans_estimator_ = MiniBatchKMeans(n_clusters=n_clusters, n_init=3, random_state=seed)
        else:
            self.kmeans_estimator_ = clone(given)
        one = getattr(self.kmeans_estimator_, "n_clusters", None) == 1
        self.cluster_balance_threshold_ = -np.inf if one else self.cluster_balance_threshold
        with threadpool_limits(1):  # sums in parallel parts would depend on the number of threads
            return np.asarray(self.kmeans_estimator_.fit_predict(points))

    def _additions(
        self, data: Labelled, code: int, n: int, total: int, k: int, points: Any, clusters: np.ndarray
    ) -> list[Additions]:
        rows, label = data.rows_of(code), data.label(code)
        draw = data.streams.child("kmeans_smote", label).generator()
        k = reachable_neighbours(label, len(rows), k)
        if not k:
            return [Additions.repeating(rows[draw.integers(0, len(rows), n)])]
        homes = self._homes(data, code, n / total, k, clusters)
        weights = np.array([self._sparsity(points[home], draw) for home in homes])
        if not weights.any():
            weights = np.ones(len(homes))
        donors_vote = has_categories(data, None)
        parts = []
        for home, share in zip(homes, apportion(weights, n), strict=True):
            near = self._neighbours_within(data, home, k)
            donors = near if donors_vote else None
            parts.append(draw_segments(home, near, int(share), draw, donors=donors))
        return parts

    def _homes(
        self, data: Labelled, code: int, share_of_new: float, k: int, clusters: np.ndarray
    ) -> list[np.ndarray]:
        """Find the rows of the class in each cluster where it holds its ground."""
        rows = data.rows_of(code)
        sizes = np.bincount(clusters)
        mine = np.bincount(clusters[rows], minlength=len(sizes))
        shares = mine / np.maximum(sizes, 1)
        asked = self.cluster_balance_threshold_
        least = share_of_new / 2 if asked == "auto" else float(asked)
        chosen = np.flatnonzero((shares >= least) & (mine > k))
        if not len(chosen):
            chosen = np.flatnonzero((shares >= len(rows) / data.n_rows) & (mine > k))
            _warn_no_cluster(data.label(code), least, len(chosen))
        return [rows[clusters[rows] == c] for c in chosen] or [rows]

    def _sparsity(self, points: Any, draw: np.random.Generator) -> float:
        n = int(points.shape[0])
        part = points if n <= _MOST_PAIRED else points[np.sort(draw.choice(n, _MOST_PAIRED, replace=False))]
        m = part.shape[0]
        mean_distance = float(pairwise_distances(part).sum()) / (m * m - m)
        exponent = self.density_exponent
        if exponent == "auto":
            exponent = math.log(n, 1.6) ** 1.8 * 0.16
        return math.pow(mean_distance, float(exponent)) / n


def _warn_no_cluster(label: Any, least: float, n_instead: int) -> None:
    instead = (
        f"{n_instead} clusters with more than its share of the table are" if n_instead else "all its rows are"
    )
    warnings.warn(
        f"No cluster holds enough rows of class {label!r} at a share of at least {least:.3g}; {instead} used instead.",
        CounterpoiseWarning,
        stacklevel=2,
    )
