"""The model card: what the model is, how good it is, and where it should not be used, in Markdown.

Source of the form: Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoise.bundle.model import Model

__all__ = ["model_card"]


def model_card(model: Model) -> str:
    """Describe a model for a reader.

    Parameters
    ----------
    model : Model
        What to describe.

    Returns
    -------
    str
        Markdown.
    """
    facts, point = model.facts, model.operating_point
    lines = [
        f"# {_text(facts.get('candidate', type(model.learner).__name__))}",
        "",
        f"Predicts `{_text(model.schema.roles.get('target', 'the target'))}` = `{_text(model.labels[-1])}` "
        f"from {len(model.schema.features)} features. Version {_text(model.version)}.",
        "",
        "## Data",
        "",
        f"- Trained on {facts.get('n_rows', 'unknown')} rows, {facts.get('n_positive', 'unknown')} of them positive "
        f"(base rate {model.base_rate:.4%}).",
        f"- Source: {_text(facts.get('source', 'unknown'))}; fingerprint `{facts.get('fingerprint', 'unknown')}`.",
        "",
        "## Treatment of the imbalance",
        "",
        f"- Treatment `{facts.get('treatment', 'none')}`, learner `{facts.get('learner', 'unknown')}`. "
        "Probabilities refer to the base rate above, whatever the treatment.",
        "",
        "## Decision",
        "",
        f"- Goal `{_text(point.goal)}`: positive from a probability of {point.threshold:.6g} on, "
        f"drawn on {point.n_positive:g} positives that the judged models had not seen.",
        "",
        "## Figures",
        "",
        *_figures(facts.get("figures", {})),
        "",
        "## Limits",
        "",
        "- Figures are out-of-fold on the training table; they hold for rows drawn as those were. A shift of the "
        "base rate, of the features or of behaviour invalidates them: monitor it.",
        *[f"- {_text(sentence)}" for sentence in facts.get("limits", [])],
        "",
    ]
    return "\n".join(lines)


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = ["| figure | value | interval (95 %) |", "|---|--:|---|"]
    for name, estimate in figures.items():
        value, lower, upper = (estimate.get(key) for key in ("value", "lower", "upper"))
        if value is not None:
            interval = f"{lower:.4g} to {upper:.4g}" if lower is not None and upper is not None else ""
            rows.append(f"| {name} | {value:.4g} | {interval} |")
    return rows


def _text(value: Any) -> str:
    """Make any text harmless in Markdown."""
    return "".join("\\" + c if c in "\\`*_{}[]<>#|" else c for c in str(value).replace("\n", " "))
