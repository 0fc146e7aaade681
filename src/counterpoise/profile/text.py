"""A profile on a terminal: 80 columns, with colour where there is some, and complete without."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from counterpoise.profile.card import Profile

__all__ = ["as_text", "rendered"]

N_SHOWN = 6
"""Rows of each list that are shown."""

_STYLES = {"fatal": "bold red", "warning": "yellow", "advice": "cyan", "info": "dim"}
_SIGNS = {"fatal": "!!", "warning": "! ", "advice": "> ", "info": "- "}
_TYPES = ("safe", "borderline", "rare", "outlier")
_BAR = 24  # characters


def as_text(profile: Profile, width: int = 80) -> str:
    """Write a profile as plain text.

    Parameters
    ----------
    profile : Profile
        The profile.
    width : int, default=80
        Columns.

    Returns
    -------
    str
        Lines without colour codes.
    """
    out = io.StringIO()
    Console(file=out, width=width, no_color=True, force_terminal=False).print(*rendered(profile), sep="\n")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def rendered(profile: Profile) -> Iterator[RenderableType]:
    """Give a profile as things that rich can print.

    Parameters
    ----------
    profile : Profile
        The profile.

    Yields
    ------
    RenderableType
        Headings, grids and sentences.
    """
    yield Text(f"{profile.source}: {profile.target} = {profile.positive}", style="bold", overflow="fold")
    yield _facts(profile)
    if profile.times is not None and len(profile.times.periods) > 1:
        yield _heading(f"Over time, by {profile.times.every}")
        yield _over_time(profile)
    if profile.minority is not None:
        yield _heading("What surrounds the positives")
        yield _minority(profile)
    yield _heading("Features that tell the classes apart alone")
    yield _features(profile)
    if profile.missing:
        yield _heading("Missing values")
        yield _missing(profile)
    yield _heading("Findings")
    yield from _findings(profile)


def _heading(words: str) -> RenderableType:
    return Padding(Text(words, style="bold"), (1, 0, 0, 0))


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _facts(p: Profile) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    facts = [
        ("rows", f"{p.n_rows:,}"),
        ("positives", f"{p.n_positive:,}, one for {p.ratio:,.3g} negatives"),
        ("rate", f"{p.rate.value:.3%}  (95 % interval {p.rate.lower:.3%} to {p.rate.upper:.3%})"),
        ("features", _kinds(p)),
        (
            "repeated rows",
            f"{p.duplicates.n_repeats:,}, {p.duplicates.n_conflicting:,} with conflicting labels",
        ),
    ]
    if len(p.classes) > 2:
        facts.insert(1, ("classes", ", ".join(f"{label} {n:,}" for label, n in p.classes.items())))
    if p.groups is not None:
        facts.append(
            (
                "groups",
                f"{p.groups.n_groups:,} of {p.groups.column}, {p.groups.n_with_positive:,} with a positive, "
                f"at most {p.groups.largest:,} rows",
            )
        )
    if p.times is not None:
        facts.append(("time", f"{p.times.column}, {p.times.first} to {p.times.last}"))
    if p.left_out:
        facts.append(("left out", ", ".join(f"{_cut(n, 30)} ({why})" for n, why in p.left_out.items())))
    for name, words in facts:
        grid.add_row(name, Text(words))
    return grid


def _kinds(p: Profile) -> str:
    plural = {"number": "numbers", "boolean": "booleans", "date": "dates", "category": "categories"}
    counts = {kind: sum(k == kind for k in p.kinds.values()) for kind in plural}
    parts = [f"{n:,} {plural[kind] if n != 1 else kind}" for kind, n in counts.items() if n]
    return f"{p.n_features:,}: " + ", ".join(parts)


def _grid(*columns: str) -> Grid:
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, pad_edge=False)
    for place, column in enumerate(columns):
        grid.add_column(column, justify="left" if place == 0 else "right", no_wrap=True)
    return grid


def _over_time(p: Profile) -> Grid:
    assert p.times is not None  # asked by the caller
    periods = p.times.periods
    step = max(1, -(-len(periods) // 12))
    joined = [periods[i : i + step] for i in range(0, len(periods), step)]
    rates = [sum(x.n_positive for x in part) / max(1, sum(x.n_rows for x in part)) for part in joined]
    grid = _grid("from", "rows", "positives", "rate", "")
    grid.columns[-1].justify = "left"
    for part, rate in zip(joined, rates, strict=True):
        n, hits = sum(x.n_rows for x in part), sum(x.n_positive for x in part)
        grid.add_row(part[0].start, f"{n:,}", f"{hits:,}", f"{rate:.3%}", _bar(rate / (max(rates) or 1)))
    return grid


def _bar(share: float) -> str:
    return "█" * round(_BAR * share) or "▏"


def _minority(p: Profile) -> Grid:
    assert p.minority is not None  # asked by the caller
    grid = _grid("", "positives", "share", "")
    grid.columns[-1].justify = "left"
    for name in _TYPES:
        share = p.minority.shares[name]
        grid.add_row(name, f"{getattr(p.minority, name):,}", f"{share:.1%}", _bar(share))
    if p.minority.note:
        grid.caption, grid.caption_style = p.minority.note, "dim"
    return grid


def _features(p: Profile) -> Grid:
    grid = _grid("feature", "kind", "ROC AUC", "AP", "missing", "")
    suspects = {f.name for f in p.suspects}
    for f in p.features[:N_SHOWN]:
        sign = "leak?" if f.name in suspects else ""
        grid.add_row(
            Text(_cut(f.name, 34)),
            f.kind,
            f"{f.separation:.3f}",
            f"{f.average_precision:.3f}",
            f"{f.missing_share:.1%}" if f.missing_share else "-",
            sign,
        )
    return grid


def _missing(p: Profile) -> Grid:
    grid = _grid("feature", "missing", "of positives", "of negatives")
    for m in p.missing[:N_SHOWN]:
        grid.add_row(
            Text(_cut(m.column, 34)), f"{m.share:.1%}", f"{m.share_positive:.1%}", f"{m.share_negative:.1%}"
        )
    return grid


def _findings(p: Profile) -> Iterator[RenderableType]:
    for finding in p.findings:
        grid = Grid.grid(padding=(0, 0))
        grid.add_column(width=3, style=_STYLES[finding.severity])
        grid.add_column(overflow="fold")
        words = Text(finding.title, style="bold").append(f". {finding.sentence}", style="not bold")
        if finding.source:
            words.append(f" [{finding.source}]", style="dim not bold")
        grid.add_row(_SIGNS[finding.severity], words)
        yield grid
