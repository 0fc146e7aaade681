"""Cleaning by Tomek links."""

from __future__ import annotations

import numpy as np

from counterpoise.neighbours import WORKING_MEMORY, Segments, tomek_links
from counterpoise.resample.cleaning import CleaningSampler, kept_plan
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.spaces import NeighbourSpace
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["TomekLinks", "without_links"]


class TomekLinks(CleaningSampler):
    """Remove rows that are in a Tomek link.

    Two rows of different classes are linked when each is the other's nearest row (I. Tomek, "Two modifications of
    CNN", IEEE Transactions on Systems, Man, and Cybernetics 6, 1976). One of the two is noise, or both lie at the
    border. Of equally near rows the one with the smaller number counts as the nearest.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that lose their linked rows; ``"auto"``: all but the smallest.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are cleaned.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import TomekLinks
    >>> X, y = np.array([[0.0], [1.0], [2.0], [2.1], [5.0]]), np.array([0, 0, 0, 1, 1])
    >>> TomekLinks().fit_resample(X, y)[0].ravel().tolist()
    [0.0, 1.0, 2.1, 5.0]
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy

    def _plan(self, data: Labelled) -> Plan:
        return kept_plan(data, self.kept_rows(data))

    def kept_rows(self, data: Labelled, segments: Segments | None = None) -> np.ndarray:
        """Say which rows stay.

        Parameters
        ----------
        data : Labelled
            The table.
        segments : Segments, optional
            What is known of rows that were invented; it saves time and changes nothing.

        Returns
        -------
        ndarray of shape (n_rows,), bool
            True for rows that stay.
        """
        links = tomek_links(self._index(data), data.codes, segments)
        return without_links(links, data.codes, list(data.wanted))


def without_links(links: np.ndarray, codes: np.ndarray, classes: list[int]) -> np.ndarray:
    """Say which rows stay when linked rows of some classes go.

    Parameters
    ----------
    links : ndarray of shape (m, 2), int64
        Linked rows.
    codes : ndarray of shape (n,), int64
        Class of each row.
    classes : list of int
        Classes that lose rows.

    Returns
    -------
    ndarray of shape (n,), bool
        True for rows that stay.
    """
    ends = links.ravel()
    keep = np.ones(len(codes), dtype=bool)
    keep[ends[np.isin(codes[ends], classes)]] = False
    return keep
