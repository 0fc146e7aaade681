"""The version of the bundle's format, and the checklist for raising it.

Before `FORMAT` is raised:

1. Keep reading the old format: `load` must accept every version from `OLDEST` on, in a function of its own.
2. Add a bundle written by the old version to the tests, and a test that loads it.
3. Say in the changelog what changed and whether old code can read new bundles (it refuses them with a message).
"""

__all__ = ["FORMAT", "OLDEST"]

FORMAT = 2
"""What `save` writes: 2 added histograms of features and scores to the schema."""

OLDEST = 1
"""The oldest format that `load` still reads."""
