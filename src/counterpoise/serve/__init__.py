"""Endpoints: a model behind HTTP, with a store of what was answered and what turned out.

The room needs the extra ``serve``.
"""

from __future__ import annotations

from counterpoise import errors

try:
    from counterpoise.serve.store import DEFAULT_URL, Store
except ModuleNotFoundError as missing:
    raise errors.MissingExtra.of(str(missing.name), "serve") from missing

__all__ = ["DEFAULT_URL", "Store"]
