"""Endpoints: a model behind HTTP, with a store of what was answered and what turned out.

The room needs the extra ``serve``.
"""

from __future__ import annotations

from counterpoise.errors import MissingExtra

try:
    from counterpoise.serve.store import DEFAULT_URL, Store
except ModuleNotFoundError as error:
    raise MissingExtra.of(str(error.name), "serve") from error

__all__ = ["DEFAULT_URL", "Store"]
