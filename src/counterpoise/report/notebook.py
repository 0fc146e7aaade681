"""A trial in a notebook: the verdict and the first rows of the leaderboard as a small piece of HTML."""

from __future__ import annotations

from html import escape

from counterpoise.evaluate.records import CandidateRecord, TrialRecord, VerdictRecord
from counterpoise.report.words import figure, interval, metric_name, seconds_in_words, signed

__all__ = ["trial_html", "verdict_html"]

N_SHOWN = 10
"""Candidates in the table."""

_NUMBER = 'style="text-align:right;padding:2px 12px 2px 0"'
_WORDS = 'style="text-align:left;padding:2px 12px 2px 0"'


def verdict_html(verdict: VerdictRecord) -> str:
    """Write a verdict for a notebook.

    Parameters
    ----------
    verdict : VerdictRecord
        The verdict.

    Returns
    -------
    str
        One ``div``, without scripts; names are escaped.
    """
    details = "".join(f"<li>{escape(words)}</li>" for words in verdict.details)
    more = f'<ul style="margin:.3em 0">{details}</ul>' if details else ""
    return (
        f'<div style="max-width:52em"><p style="font-size:1.15em;margin:.2em 0">{escape(verdict.sentence)}</p>'
        f"<small>{escape(verdict.outcome)}</small>{more}</div>"
    )


def trial_html(record: TrialRecord) -> str:
    """Write a trial for a notebook.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    str
        One ``div``: the verdict and a table of the best candidates; names are escaped.
    """
    run = [c for c in record.candidates if c.status == "run"]
    heads = (metric_name(record.goal_metric), "paired difference", "average precision", "ROC AUC", "fit")
    head = f"<th {_WORDS}>candidate</th>" + "".join(f"<th {_NUMBER}>{escape(words)}</th>" for words in heads)
    rows = "".join(_row(c) for c in run[:N_SHOWN])
    left = len(run) - N_SHOWN
    more = f"<small>and {left} more; see the report</small>" if left > 0 else ""
    return f"<div>{verdict_html(record.verdict)}<table><tr>{head}</tr>{rows}</table>{more}</div>"


def _row(c: CandidateRecord) -> str:
    marks = [words for words, is_so in (("champion", c.is_champion), ("baseline", c.is_baseline)) if is_so]
    name = escape(c.candidate) + (f" <small>({', '.join(marks)})</small>" if marks else "")
    difference = "untreated"
    if c.difference is not None:
        difference = f"{signed(c.difference.value)} <small>{interval(c.difference, with_sign=True)}</small>"
    figures = [
        f"{figure(found.value)} <small>{interval(found)}</small>" if found is not None else "–"
        for found in (c.metrics.get(name) for name in ("goal", "average_precision", "roc_auc"))
    ]
    cells = (figures[0], difference, *figures[1:], seconds_in_words(c.fit_seconds))
    return f"<tr><td {_WORDS}>{name}</td>{''.join(f'<td {_NUMBER}>{cell}</td>' for cell in cells)}</tr>"
