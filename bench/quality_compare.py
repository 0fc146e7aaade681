"""Average precision and F1 of `compare` with 60 seconds on two cores, on fourteen public tables, beside fifteen peers.

The protocol is that of `bench.quality`; FLAML and AutoGluon among the peers had the same 60 seconds.
"""

from __future__ import annotations

from typing import Any

from bench import quality


def main() -> list[dict[str, Any]]:
    """Let `compare` choose on every table."""
    return quality.main((quality.COMPARE,))


if __name__ == "__main__":
    main()
