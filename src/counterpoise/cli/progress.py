"""What is shown while something runs: on standard error, and only to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["bar", "passes_bar", "rows_bar", "spinner"]


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _progress(*columns: Any) -> Any:
    """Make the frame of a bar, which goes when it is done."""
    from rich.progress import Progress

    console = _console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def spinner(words: str) -> Iterator[None]:
    """Show that something runs.

    Parameters
    ----------
    words : str
        What runs.

    Yields
    ------
    None
        While it runs.
    """
    console = _console()
    if not console.is_terminal:
        yield
        return
    with console.status(words):
        yield


@contextmanager
def bar(words: str) -> Iterator[Callable[[Any], None]]:
    """Show how far a trial is, with the time that is left.

    Parameters
    ----------
    words : str
        What runs.

    Yields
    ------
    callable
        Takes each `counterpoise.evaluate.Progress`.
    """
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    from counterpoise.evaluate.budget import say_duration

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with _progress(*columns) as shown:
        task = shown.add_task(words, total=1, left="")

        def tell(progress: Any) -> None:
            left = (
                ""
                if progress.seconds_left is None
                else f"{say_duration(max(0.0, progress.seconds_left))} left"
            )
            shown.update(
                task, completed=progress.done, total=progress.total, description=progress.candidate, left=left
            )

        yield tell


@contextmanager
def rows_bar(words: str) -> Iterator[Callable[[Any], None]]:
    """Show how many rows a pass is through, and how fast.

    Parameters
    ----------
    words : str
        What runs.

    Yields
    ------
    callable
        Takes each `counterpoise.scale.Step`.
    """
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with _progress(*columns) as shown:
        task = shown.add_task(words, total=None)

        def tell(step: Any) -> None:
            shown.update(task, completed=step.rows_done, total=step.rows_total)

        yield tell


@contextmanager
def passes_bar(words: str) -> Iterator[None]:
    """Show how far the passes of a resampling are: searches for neighbours, and the writing of rows.

    Parameters
    ----------
    words : str
        What runs.

    Yields
    ------
    None
        While it runs.
    """
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from counterpoise.neighbours.workers import heard_by

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("pass {task.fields[number]}", markup=False),
        TimeElapsedColumn(),
    )
    with _progress(*columns) as shown:
        task = shown.add_task(words, total=None, number=0)

        def tell(done: int, total: int) -> None:
            number = shown.tasks[0].fields["number"] + (done == 1)
            shown.update(task, completed=done, total=total, number=number)

        with heard_by(tell):
            yield
