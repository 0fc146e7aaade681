"""Under-sampling by clusters: many rows of a class are replaced by the means of groups of them.

Source of the idea: S.-J. Yen, Y.-S. Lee, "Cluster-based under-sampling approaches for imbalanced data distributions",
Expert Systems with Applications 36, 2009.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from counterpoise.chance import Seed
from counterpoise.errors import TypeOfInputError
from counterpoise.neighbours import Space, kneighbors
from counterpoise.resample.base import BaseSampler, require_choice
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.mixing import Groups, Invention, join
from counterpoise.resample.plan import Plan
from counterpoise.resample.spaces import NeighbourSpace, check_neighbour_space, class_space, design_matrix
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["ClusterCentroids"]

_FULL_KMEANS = 20_000_000
"""Rows times clusters up to which plain k-means is run: seconds. Beyond, it takes batches."""


class ClusterCentroids(BaseSampler):
    """Replace the rows of a larger class by the centres of clusters of them.

    A centre is the mean of the rows of its cluster: missing values are left out of it, a category is the most
    frequent one, an integral column is rounded. Labels of centres, and any further array with one entry a row, are
    those of the row nearest to the centre.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the smallest.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the clustering.
    estimator : clustering estimator, optional
        One with the parameter ``n_clusters`` and, after fit, ``labels_`` and ``cluster_centers_``. By default
        ``KMeans()``, or ``MiniBatchKMeans()`` where rows times clusters exceed 20 million.
    voting : {"auto", "soft", "hard"}, default="auto"
        ``"soft"`` invents the means; ``"hard"`` keeps the row nearest to each centre. ``"auto"`` is hard for sparse
        input, else soft.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread within the class before rows are clustered.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows after.
    estimator_ : estimator
        The clustering fitted last.
    voting_ : str
        The voting used.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import ClusterCentroids
    >>> X, y = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    >>> X2, y2 = ClusterCentroids(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [10, 10]
    """

    _sampling_type = "under-sampling"

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        estimator: Any = None,
        voting: Literal["auto", "soft", "hard"] = "auto",
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.estimator = estimator
        self.voting = voting
        self.neighbour_space = neighbour_space

    def _check_parameters(self) -> None:
        check_neighbour_space(self.neighbour_space)
        require_choice(
            "voting", self.voting, ("auto", "soft", "hard"), meaning="It says what stands for a cluster."
        )
        if self.estimator is not None and "n_clusters" not in self.estimator.get_params():
            raise TypeOfInputError(
                f"estimator={self.estimator!r} was given.",
                expected="Expected a clustering estimator with the parameter n_clusters.",
                why="It is told how many rows are wanted.",
            )

    def _plan(self, data: Labelled) -> Plan:
        self.voting_ = self.voting
        if self.voting == "auto":
            self.voting_ = "hard" if data.is_sparse else "soft"
        kept = [data.rows_of(code) for code in range(len(data.classes)) if code not in data.wanted]
        made = _no_rows()
        for code, n in data.wanted.items():
            rows = data.rows_of(code)
            if n == len(rows):
                kept.append(rows)
                continue
            part = self._centres(data, code, rows, n) if n else _no_rows()
            if self.voting_ == "hard":
                kept.append(part.base)
            else:
                made = join(made, part)
        order = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *kept]))
        return Plan.invent(data.target, order, made, reach=np.zeros(len(made)))

    def _centres(self, data: Labelled, code: int, rows: np.ndarray, n: int) -> Invention:
        """Find the clusters of a class: each as its nearest row and its members."""
        points = design_matrix(class_space(data, rows, self.neighbour_space))
        seed = data.streams.child("centroids", data.label(code)).seed()
        self.estimator_ = self._clustering(len(rows), n, seed)
        with threadpool_limits(1), warnings.catch_warnings():
            # one thread: sums in parallel parts would depend on their number. No warning: where there are fewer
            # distinct points than clusters, the empty ones get the row nearest to their centre
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.estimator_.fit(points)
        if not hasattr(self.estimator_, "cluster_centers_") or not hasattr(self.estimator_, "labels_"):
            raise TypeOfInputError(
                f"estimator={self.estimator!r} was given.",
                expected="Expected a clustering estimator with cluster_centers_ and labels_ after fit.",
                why="Centres replace rows.",
            )
        return _clusters(rows, points, np.asarray(self.estimator_.labels_), self.estimator_.cluster_centers_)

    def _clustering(self, n_rows: int, n_clusters: int, seed: int) -> Any:
        if self.estimator is not None:
            return clone(self.estimator).set_params(n_clusters=n_clusters)
        if n_rows * n_clusters <= _FULL_KMEANS:
            return KMeans(n_clusters=n_clusters, random_state=seed)
        return MiniBatchKMeans(n_clusters=n_clusters, n_init=1, random_state=seed)


def _no_rows() -> Invention:
    empty = np.empty(0, dtype=np.int64)
    return Invention(empty, empty, np.empty(0))


def _clusters(rows: np.ndarray, points: Any, labels: np.ndarray, centres: Any) -> Invention:
    """Describe clusters by the row nearest to each centre, and by their members."""
    n = len(centres)
    centres = np.asarray(centres, dtype=np.float64)
    asked = sparse.csr_matrix(centres) if sparse.issparse(points) else centres
    nearest = kneighbors(Space.of(asked), Space.of(points), 1)[1][:, 0]
    sizes = np.bincount(labels, minlength=n)
    members = [np.argsort(labels, kind="stable")]
    empty = np.flatnonzero(sizes == 0)
    order = np.concatenate((labels[members[0]], empty))
    everyone = np.concatenate((members[0], nearest[empty]))[np.argsort(order, kind="stable")]
    starts = np.concatenate(([0], np.cumsum(np.maximum(sizes, 1))))
    return Invention(
        rows[nearest], rows[nearest], np.zeros(n), groups=Groups(rows[everyone], starts.astype(np.int64))
    )
