"""Cleaning in passes over chunks removes what cleaning in memory removes."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.errors import NotApplicable
from counterpoise.neighbours import Index, kneighbors
from counterpoise.neighbours.chunked import edited_in_passes, nearest_in_passes, tomek_links_in_passes
from counterpoise.resample import EditedNearestNeighbours, TomekLinks


def rows(seed, n=700, ties=False):
    draw = np.random.default_rng(seed)
    y = draw.random(n) < 0.08
    X = draw.normal(size=(n, 4)) + 1.2 * y[:, None]
    return (np.round(X) if ties else X), y


def in_chunks(X, y, size):
    return lambda: ((X[s : s + size], y[s : s + size]) for s in range(0, len(X), size))


CASES = [(seed, size, ties) for seed in (0, 1) for size in (60, 333, 5000) for ties in (False, True)]


@pytest.mark.parametrize(("seed", "size", "ties"), CASES)
def test_nearest_rows_are_those_of_the_whole(seed, size, ties):
    X, y = rows(seed, ties=ties)
    asked = np.arange(0, len(X), 9)
    distance, near, minority = nearest_in_passes(in_chunks(X, y, size), X[asked], asked, 4)
    expected, numbers = Index(X).nearest_rows(asked, 4)
    assert np.array_equal(near, numbers)
    assert np.array_equal(distance, expected)
    assert np.array_equal(minority, y[numbers])


@pytest.mark.parametrize(("seed", "size", "ties"), CASES)
@pytest.mark.parametrize("kind", ["all", "mode"])
def test_editing_removes_what_it_removes_in_memory(seed, size, ties, kind):
    X, y = rows(seed, ties=ties)
    plan = EditedNearestNeighbours(kind_sel=kind).plan(X, y.astype(int))
    removed = np.setdiff1d(np.arange(len(X)), plan.kept)
    assert np.array_equal(edited_in_passes(in_chunks(X, y, size), 3, kind=kind), removed)


@pytest.mark.parametrize(("seed", "size", "ties"), CASES)
def test_links_are_those_of_memory(seed, size, ties):
    X, y = rows(seed, ties=ties)
    links = tomek_links_in_passes(in_chunks(X, y, size))
    plan = TomekLinks().plan(X, y.astype(int))
    assert np.array_equal(np.unique(links[:, 1]), np.setdiff1d(np.arange(len(X)), plan.kept))
    assert y[links[:, 0]].all()
    assert not y[links[:, 1]].any()


def test_fewer_rows_than_neighbours_are_said(seed):
    X, y = rows(seed, n=3)
    _, near, _ = nearest_in_passes(in_chunks(X, y, 2), X, np.arange(3), 5)
    assert (near[:, 2:] == -1).all()
    assert np.array_equal(near[:, :2], kneighbors(X, X, 2, rows=np.arange(3))[1])


def test_no_minority_is_refused():
    with pytest.raises(NotApplicable, match="minority"):
        edited_in_passes(in_chunks(np.ones((5, 2)), np.zeros(5, bool), 2))
