"""How long it takes to make a million card payments."""

from __future__ import annotations

import time

TARGET_SECONDS = 20.0


def main() -> list[dict[str, object]]:
    """Make the payments once; there is no peer, the target is a time."""
    from counterpoise.datasets import card_payments

    card_payments(1_000)
    start = time.perf_counter()
    card_payments(1_000_000)
    seconds = time.perf_counter() - start
    return [
        {
            "name": "card_payments(1_000_000)",
            "ours": seconds,
            "peer": None,
            "ratio": None,
            "target": f"<= {TARGET_SECONDS:.0f} s",
            "met": seconds <= TARGET_SECONDS,
        }
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
