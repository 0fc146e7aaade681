"""A profile in a notebook: a small piece of HTML, everything from the table escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoise.profile.card import Profile

__all__ = ["as_html"]

_N_SHOWN = 8
_CELL = 'style="text-align:right;padding:2px 12px 2px 0"'
_NAME = 'style="text-align:left;padding:2px 12px 2px 0"'


def as_html(profile: Profile) -> str:
    """Write a profile as HTML.

    Parameters
    ----------
    profile : Profile
        The profile.

    Returns
    -------
    str
        One ``div``, without scripts.
    """
    p = profile
    facts = {
        "rows": f"{p.n_rows:,}",
        "positives": f"{p.n_positive:,}, one for {p.ratio:,.3g} negatives",
        "rate": f"{p.rate.value:.3%} (95 % interval {p.rate.lower:.3%} to {p.rate.upper:.3%})",
        "features": f"{p.n_features:,}",
        "repeated rows": f"{p.duplicates.n_repeats:,}, {p.duplicates.n_conflicting:,} with conflicting labels",
    }
    if p.minority is not None:
        facts["positives are"] = ", ".join(f"{share:.0%} {name}" for name, share in p.minority.shares.items())
    head = f"<strong>{escape(p.source)}: {escape(p.target)} = {escape(p.positive)}</strong>"
    return f'<div style="max-width:52em">{head}{_facts(facts)}{_features(p)}{_findings(p)}</div>'


def _facts(facts: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><th {_NAME}>{escape(k)}</th><td {_NAME}>{escape(v)}</td></tr>" for k, v in facts.items()
    )
    return f"<table>{rows}</table>"


def _features(p: Profile) -> str:
    head = "".join(f"<th {_CELL}>{h}</th>" for h in ("ROC AUC", "average precision", "missing"))
    rows = "".join(
        f"<tr><td {_NAME}>{escape(f.name)}</td><td {_CELL}>{f.separation:.3f}</td>"
        f"<td {_CELL}>{f.average_precision:.3f}</td><td {_CELL}>{f.missing_share:.1%}</td></tr>"
        for f in p.features[:_N_SHOWN]
    )
    return f"<table><tr><th {_NAME}>feature alone</th>{head}</tr>{rows}</table>"


def _findings(p: Profile) -> str:
    items = "".join(
        f"<li><strong>{escape(f.title)}</strong> ({escape(f.severity)}). {escape(f.sentence)} "
        f"<small>{escape(f.source)}</small></li>"
        for f in p.findings
    )
    return f"<ul>{items}</ul>"
