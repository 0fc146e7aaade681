"""One pass over chunks: here, in processes of this machine, or on a cluster, with the same answer.

Chunks are worked on in any order and answered in their own, so that what is added up does not depend on who was
faster. Work that is lost is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from counterpoise.scale.engine import Done, Engine, InlineEngine, Job, WorkLost
from counterpoise.table.chunks import Chunk, Chunks

__all__ = ["Step", "run_pass"]

_AHEAD = 2
"""Chunks that wait for each worker while it works on another."""

_TRIES = 3


@dataclass(frozen=True)
class Step:
    """How far a pass is.

    Attributes
    ----------
    rows_done : int
        Rows of the chunks that are finished.
    rows_total : int or None
        Rows of all, where they are known before they are read.
    """

    rows_done: int
    rows_total: int | None


def run_pass(
    chunks: Iterable[Chunk],
    function: str,
    arguments: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    *,
    columns: Sequence[str] | None = None,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Iterator[tuple[Chunk, Any]]:
    """Call a function on every chunk.

    Parameters
    ----------
    chunks : iterable of Chunk
        What to work on.
    function : str
        ``"package.module:function"``; gets ``chunk`` and the arguments.
    arguments : mapping, or callable that gives one
        The other keyword arguments; a callable is asked anew for each chunk.
    columns : sequence of str, optional
        The only ones that the function reads; all by default.
    engine : Engine, optional
        Where the work runs; by default here, where the next chunk is read while one is worked on.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Yields
    ------
    chunk : Chunk
        In their order.
    value : object
        What the function returned.

    Raises
    ------
    Exception
        What the function raised for the first chunk that failed; `WorkLost` where a chunk was lost three times.
    """
    engine = engine or InlineEngine()
    total, done_rows, ready, turn = getattr(chunks, "n_rows", None), 0, {}, 0
    waiting: dict[int, tuple[Chunk, Mapping[str, Any], int]] = {}
    coming = iter(chunks)
    if isinstance(engine, InlineEngine) and isinstance(chunks, Chunks):
        coming = chunks.in_turn(columns)
    exhausted = False
    while not exhausted or waiting:
        while not exhausted and len(waiting) < _AHEAD * engine.n_workers:
            chunk = next(coming, None)
            if chunk is None:
                exhausted = True
                break
            given = arguments() if callable(arguments) else arguments
            waiting[chunk.number] = (chunk, given, 1)
            engine.submit(Job(chunk.number, function, {"chunk": chunk, **given}))
        for done in engine.wait():
            again = _tried(done, waiting, function, engine)
            if again:
                continue
            chunk, _, _ = waiting.pop(cast(int, done.key))
            ready[chunk.number] = (chunk, done.value)
            done_rows += chunk.n_rows
            if on_step is not None:
                on_step(Step(done_rows, total))
        while turn in ready:
            yield ready.pop(turn)
            turn += 1


def _tried(
    done: Done, waiting: dict[int, tuple[Chunk, Mapping[str, Any], int]], function: str, engine: Engine
) -> bool:
    """Submit lost work again; raise what cannot be mended."""
    if done.error is None:
        return False
    number = cast(int, done.key)
    chunk, given, tries = waiting[number]
    if not isinstance(done.error, WorkLost) or tries >= _TRIES:
        engine.cancel()
        raise done.error
    waiting[number] = (chunk, given, tries + 1)
    engine.submit(Job(number, function, {"chunk": chunk, **given}))
    return True
