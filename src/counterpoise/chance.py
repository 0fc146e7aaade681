"""Random numbers as a tree of named streams.

A seed enters once, at the edge, and every stage, fold and class draws from a child stream of its own name. A
result therefore depends neither on the number of workers nor on the order in which the parts run, and no two
parts replay the same draws (imbalanced-learn rebuilds its generator from the seed for each class; see the
project's design notes).

Streams are `numpy.random.SeedSequence` spawn keys: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
as 1, 2, 3", SC 2011; M. O'Neill, "Developing a seed_seq alternative", 2015.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from counterpoise.errors import TypeOfInputError

__all__ = ["Seed", "Streams"]

Seed = int | np.integer | np.random.Generator | np.random.RandomState | None

_WORD = 2**32


class Streams:
    """A node of the tree of random streams.

    Parameters
    ----------
    entropy : int
        The root seed, non-negative.
    key : tuple of int, default=()
        The path from the root, as words of 32 bits.

    Examples
    --------
    >>> root = Streams.of(0)
    >>> a = root.child("fold", 1).generator().integers(0, 100, 3)
    >>> b = root.child("fold", 1).generator().integers(0, 100, 3)
    >>> bool((a == b).all())
    True
    """

    def __init__(self, entropy: int, key: tuple[int, ...] = ()) -> None:
        self.entropy, self.key = entropy, key

    @classmethod
    def of(cls, random_state: Seed | Streams) -> Streams:
        """Take a seed of any accepted kind at the edge of the library.

        Parameters
        ----------
        random_state : int, numpy.random.Generator, numpy.random.RandomState, Streams or None
            An int gives the same tree each time; a generator is advanced by one draw; None asks the system.

        Returns
        -------
        Streams
            The root of the tree.

        Raises
        ------
        TypeOfInputError
            If the seed is of another kind.
        """
        if isinstance(random_state, Streams):
            return random_state
        if random_state is None:
            return cls(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        if isinstance(random_state, np.random.Generator):
            return cls(int(random_state.integers(0, 2**63)))
        if isinstance(random_state, np.random.RandomState):
            return cls(int(random_state.randint(0, 2**31 - 1)))
        if isinstance(random_state, int | np.integer) and int(random_state) >= 0:
            return cls(int(random_state))
        raise TypeOfInputError(
            f"random_state={random_state!r} was given.",
            expected="Expected a non-negative int, a numpy Generator or RandomState, or None.",
            why="It seeds every draw.",
            hint="Pass an int such as random_state=0 for a result that can be repeated.",
        )

    def child(self, *names: Any) -> Streams:
        """Give the stream of a named part.

        Parameters
        ----------
        *names : object
            What names the part, for example ``"fold", 3``; their `str` is the key.

        Returns
        -------
        Streams
            The child; equal names give equal children.
        """
        digest = hashlib.blake2b("\x1f".join(str(name) for name in names).encode(), digest_size=8).digest()
        word = int.from_bytes(digest, "little")
        return Streams(self.entropy, (*self.key, word % _WORD, word // _WORD))

    def generator(self) -> np.random.Generator:
        """Start a generator at the beginning of this stream.

        Returns
        -------
        numpy.random.Generator
            A fresh generator; asking twice gives two that draw the same.
        """
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=self.key))

    def seed(self) -> int:
        """Give an int for libraries that take nothing else.

        Returns
        -------
        int
            Between 0 and 2**31 - 1.
        """
        return int(self.generator().integers(0, 2**31 - 1))
