"""The model card: what the model is, how good it is, and where it should not be used, in Markdown.

Source of the form: Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoise.bundle.model import Model
    from counterpoise.bundle.schema import FeatureSchema

__all__ = ["model_card"]

FEW_POSITIVES = 100
"""With fewer positives every figure is uncertain, and the card says so first."""

MOST_FEATURES = 200
"""Features that the card lists."""


def model_card(model: Model) -> str:
    """Describe a model for a reader.

    Parameters
    ----------
    model : Model
        What to describe.

    Returns
    -------
    str
        Markdown: use, data, treatment, decision, figures with intervals, probabilities, limits, features.
    """
    facts = model.facts
    sections = {
        "Use": _use(model),
        "Data": _data(model),
        "Treatment of the imbalance": _treatment(model),
        "Decision": _decision(model),
        "Figures": _figures(facts.get("figures", {})),
        "Probabilities": _probabilities(facts.get("reliability")),
        "Limits": _limits(model),
        "Features": _features(model.schema.features),
        "Made with": [
            f"- {_text(name)} {_text(number)}" for name, number in facts.get("versions", {}).items()
        ],
    }
    lines = [f"# {_text(facts.get('candidate', type(model.learner).__name__))}", ""]
    for title, content in sections.items():
        if content:
            lines += [f"## {title}", "", *content, ""]
    return "\n".join(lines)


def _use(model: Model) -> list[str]:
    return [
        f"Predicts `{_text(model.schema.roles.get('target', 'the target'))}` = `{_text(model.labels[-1])}` "
        f"from {len(model.schema.features)} features. Version {_text(model.version)}.",
        "",
        "Made to call rows like those below; a person should look at what it calls before harm can follow.",
    ]


def _data(model: Model) -> list[str]:
    facts, roles = model.facts, model.schema.roles
    n_days = facts.get("n_days")
    span = f" over {n_days:.4g} days" if n_days else ""
    lines = [
        f"- Trained on {facts.get('n_rows', 'unknown')} rows{span}, {facts.get('n_positive', 'unknown')} of them "
        f"positive (base rate {model.base_rate:.4%}).",
        f"- Source: {_text(facts.get('source', 'unknown'))}; "
        f"fingerprint `{_text(facts.get('fingerprint', 'unknown'))}`.",
    ]
    if n := len(model.only_trained_keys):
        lines.append(f"- {n} of them trained only: no model that had not seen them judged them.")
    if others := {role: name for role, name in roles.items() if role != "target"}:
        lines.append(f"- Roles: {', '.join(f'{role} `{_text(name)}`' for role, name in others.items())}.")
    lines += [
        f"- Left out: `{_text(name)}`, {_text(why)}." for name, why in facts.get("left_out", {}).items()
    ]
    return lines


def _treatment(model: Model) -> list[str]:
    facts = model.facts
    verdict = facts.get("verdict", {})
    lines = [
        f"- Treatment `{_text(facts.get('treatment', 'none'))}`, learner `{_text(facts.get('learner', 'unknown'))}`. "
        "Probabilities refer to the base rate above, whatever the treatment."
    ]
    if verdict.get("sentence"):
        lines.append(f"- {_text(verdict['sentence'])}")
    return lines + [f"- {_text(detail)}" for detail in verdict.get("details", [])]


def _decision(model: Model) -> list[str]:
    if len(model.labels) > 2:
        return _class_decision(model)
    point = model.operating_point
    lines = [
        f"- Goal `{_text(point.goal)}`: positive from a probability of {point.threshold:.6g} on, "
        f"drawn on {point.n_positive:g} positives that the judged models had not seen."
    ]
    if point.confidence is not None:
        lines.append(f"- Its limits hold with {point.confidence:.0%} confidence.")
    if not point.met:
        lines.append(f"- The goal is **not met**: {_text(point.reason)}")
    if point.history:
        lines.append(f"- Moved since, without training: {_text('; '.join(point.history))}.")
    return lines


def _class_decision(model: Model) -> list[str]:
    if model.rule is None:
        return ["- The most probable of the classes."]
    goal = f"- Goal `{_text(model.rule.goal)}`"
    if model.rule.costs is not None:
        return [f"{goal}: the class of least expected cost."]
    weights = ", ".join(
        f"`{_text(c)}` {w:.3g}" for c, w in zip(model.labels, model.rule.weights, strict=True)
    )
    return [f"{goal}: the class whose probability times its weight is largest. Weights: {weights}."]


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not figures:
        return ["None: the model was not judged by a trial."]
    rows = ["| figure | value | interval (95 %) |", "|---|--:|---|"]
    for name, estimate in figures.items():
        value, lower, upper = (estimate.get(key) for key in ("value", "lower", "upper"))
        if value is not None:
            interval = f"{lower:.4g} to {upper:.4g}" if lower is not None and upper is not None else ""
            rows.append(f"| {_text(name)} | {value:.4g} | {interval} |")
    return rows


def _probabilities(reliability: Mapping[str, Any] | None) -> list[str]:
    if not reliability or not reliability.get("finding"):
        return []
    bins = [
        f"| {each['low']:.3g} to {each['high']:.3g} | {each['n_rows']:g} | {each['mean_probability']:.4g} | "
        f"{each['rate']:.4g} | {each['lower']:.3g} to {each['upper']:.3g} |"
        for each in reliability.get("bins", [])
    ]
    table = ["| probability | rows | mean | share positive | interval |", "|---|--:|--:|--:|---|", *bins]
    return [_text(reliability["finding"]["sentence"]), *(["", *table] if bins else [])]


def _limits(model: Model) -> list[str]:
    facts = model.facts
    few = facts.get("n_positive", FEW_POSITIVES)
    own = (
        [f"Only {few} positives stand behind every figure: the intervals are wide."]
        if few < FEW_POSITIVES
        else []
    )
    if facts.get("folds") not in (None, "prequential") and "time" not in model.schema.roles:
        own.append("Rows were judged in random order: a drift over time is not in the figures.")
    warned = [
        each["sentence"] for each in facts.get("findings", []) if each.get("severity") in ("warning", "fatal")
    ]
    return [
        "- Figures are out-of-fold on the training table; they hold for rows drawn as those were. A shift of the "
        "base rate, of the features or of behaviour invalidates them: monitor it.",
        *[f"- {_text(sentence)}" for sentence in [*own, *facts.get("limits", []), *warned]],
    ]


def _features(features: list[FeatureSchema]) -> list[str]:
    rows = ["| feature | kind | missing | values |", "|---|---|--:|---|"]
    rows += [
        f"| {_text(each.name)} | {each.kind} | {each.missing:.2%} | {_values(each)} |"
        for each in features[:MOST_FEATURES]
    ]
    left = len(features) - MOST_FEATURES
    return [*rows, *(["", f"and {left} more, in schema.json."] if left > 0 else [])]


def _values(feature: FeatureSchema) -> str:
    if feature.lower is not None and feature.upper is not None and feature.kind == "date":
        ends = [
            datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M")
            for end in (feature.lower, feature.upper)
        ]
        return " to ".join(ends)
    if feature.lower is not None and feature.upper is not None:
        return f"{feature.lower:.6g} to {feature.upper:.6g}"
    if feature.levels is not None and len(feature.levels) <= 8:
        return _text(", ".join(feature.levels))
    return "" if feature.n_levels is None else f"{feature.n_levels} levels"


def _text(value: Any) -> str:
    """Make any text harmless in Markdown."""
    return "".join("\\" + c if c in "\\`*_{}[]<>#|" else c for c in str(value).replace("\n", " "))
