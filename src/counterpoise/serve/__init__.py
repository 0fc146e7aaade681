"""Endpoints: models behind HTTP, with a store of what was answered and what turned out.

The room needs the extra ``serve``.
"""

from __future__ import annotations

from counterpoise import errors

try:
    from counterpoise.serve.app import create_app
    from counterpoise.serve.changes import Change, create, delete, update
    from counterpoise.serve.client import InStore, OverHttp
    from counterpoise.serve.desk import Settings
    from counterpoise.serve.limits import Limits, Rate
    from counterpoise.serve.server import bring, listening, refuse_open, run
    from counterpoise.serve.store import DEFAULT_URL, Store
    from counterpoise.serve.watch import Seen, Watch, WatchSettings
except ModuleNotFoundError as missing:
    raise errors.MissingExtra.of(str(missing.name), "serve") from missing

__all__ = [
    "DEFAULT_URL",
    "Change",
    "InStore",
    "Limits",
    "OverHttp",
    "Rate",
    "Seen",
    "Settings",
    "Store",
    "Watch",
    "WatchSettings",
    "bring",
    "create",
    "create_app",
    "delete",
    "listening",
    "refuse_open",
    "run",
    "update",
]
