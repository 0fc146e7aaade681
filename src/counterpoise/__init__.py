"""What should be done about a rare outcome, shown with evidence, then shipped.

    >>> import counterpoise as cp
    >>> table = cp.read("tx.parquet", target="is_fraud")     # doctest: +SKIP
    >>> trial = cp.compare(table, goal="recall>=0.9")        # doctest: +SKIP
    >>> trial.champion.save("fraud.model")                   # doctest: +SKIP

Importing the package is cheap: each name is fetched from its room when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoise.bundle import Model, load
    from counterpoise.evaluate import Trial, compare
    from counterpoise.profile import Profile, profile
    from counterpoise.table import Table, read

__version__ = "0.1.0.dev0"

__all__ = ["Model", "Profile", "Table", "Trial", "__version__", "compare", "load", "profile", "read"]

_ROOMS = {
    "Model": "counterpoise.bundle",
    "Profile": "counterpoise.profile",
    "Table": "counterpoise.table",
    "Trial": "counterpoise.evaluate",
    "compare": "counterpoise.evaluate",
    "load": "counterpoise.bundle",
    "read": "counterpoise.table",
}


def __getattr__(name: str) -> Any:
    if name == "profile":  # the room itself can be called
        return importlib.import_module("counterpoise.profile")
    if name in _ROOMS:
        return getattr(importlib.import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'counterpoise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
