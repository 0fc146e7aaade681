"""What the imbalance of a table looks like, and what is known to work on such tables.

The package is itself callable, so that ``counterpoise.profile(table)`` reads like the step that it is:
``counterpoise.profile(table)`` and ``counterpoise.profile.profile(table)`` are the same.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from counterpoise.profile.card import Profile
from counterpoise.profile.measure import profile
from counterpoise.profile.records import Finding

__all__ = ["Finding", "Profile", "profile"]


class _CallableRoom(ModuleType):
    """A package that can be called like the function it is named after."""

    def __call__(self, *args: Any, **kwargs: Any) -> Profile:
        return profile(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableRoom
