"""Exact nearest neighbours that know about classes.

What this room answers:

``kneighbors(queries, points, k, rows=None)``
    The k nearest points of each query, distances and numbers. `rows` says which point each query itself is, so that
    it is left out of its own neighbours.
``Index(points).nearest_rows(rows, k)`` and ``.nearest(queries, k)``
    The same, of points that are asked more than once; squared distances.
``Space.of(X, minority=None)``
    A table of any kind (array, sparse matrix, frame with categories, booleans, dates, missing values) as points; made
    once, `take(rows)` gives parts of it, and everything here accepts it in place of a matrix. For numbers with
    categories: ``Space(numbers, codes, penalty)`` with what a differing category adds to the squared distance, for
    which ``category_penalty(numbers of a class)`` gives Chawla's squared median of standard deviations.
``agreeing(index, y, classes, k, kind, segments=None)``
    Which rows of some classes have neighbours of their own class (Wilson's rule), at the cost of the minority.
``tomek_links(index, y, segments=None)``
    Pairs of rows of different classes that are each other's nearest.
``Segments(rows, base, neighbour, gap)``
    What is known of rows that over-sampling invented; makes both of the above fast on what it gives.
``condensed(own, others, seeds, k, own_first=...)``
    Hart's rule: which rows of a class a store needs.
``nearest_bounds(queries, points)``, ``nearer_to(queries, one, other)``
    How near the nearest of a few points is to very many rows, and which of two sets is nearer.
``ValueDifferences.of(codes, y).kneighbors(queries, points, k, rows=None)``
    Categories only, near when they go with the classes alike.

Every answer is exact. Distances are those of `distances` (float64, one fixed order of summation); of equal distances
the smaller row number comes first; block size, working memory and number of threads do not change a bit.
"""

from __future__ import annotations

from counterpoise.neighbours.bounds import nearer_to, nearest_bounds
from counterpoise.neighbours.categories import ValueDifferences
from counterpoise.neighbours.condensing import condensed
from counterpoise.neighbours.editing import Agreement, agreeing
from counterpoise.neighbours.links import tomek_links
from counterpoise.neighbours.search import Index, kneighbors
from counterpoise.neighbours.segments import Segments
from counterpoise.neighbours.space import Space, category_penalty
from counterpoise.neighbours.workers import WORKING_MEMORY

__all__ = [
    "WORKING_MEMORY",
    "Agreement",
    "Index",
    "Segments",
    "Space",
    "ValueDifferences",
    "agreeing",
    "category_penalty",
    "condensed",
    "kneighbors",
    "nearer_to",
    "nearest_bounds",
    "tomek_links",
]
