"""Exact nearest neighbours that know about classes.

What this room answers, and what it promises
---------------------------------------------
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
``ValueDifferences.of(codes, y).kneighbors(queries, points, k, rows=None)``
    Categories only, near when they go with the classes alike.

Every answer is exact. Distances are those of `distances` (float64, one fixed order of summation); of equal distances
the smaller row number comes first; block size, working memory and number of threads do not change a bit.
"""

from __future__ import annotations

from counterpoise.neighbours.categories import ValueDifferences
from counterpoise.neighbours.search import Index, kneighbors
from counterpoise.neighbours.space import Space, category_penalty

__all__ = ["Index", "Space", "ValueDifferences", "category_penalty", "kneighbors"]
