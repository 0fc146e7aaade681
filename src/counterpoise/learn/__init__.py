"""Learners made for a rare class, and the treatment that wraps any of them."""

from __future__ import annotations

from counterpoise.learn.binner import ClassAwareBinner
from counterpoise.learn.boosting import BoostingClassifier
from counterpoise.learn.encode import TableEncoder

__all__ = ["BoostingClassifier", "ClassAwareBinner", "TableEncoder"]
