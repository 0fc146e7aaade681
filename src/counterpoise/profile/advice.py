"""Findings: what a profile means, in a sentence each, with where it is known from.

Every check is a function of the profile that gives a finding or nothing; `CHECKS` lists them in the order in which they
are shown. Literature is cited where a claim rests on it; where a rule of thumb is only customary, it is called that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from counterpoise.profile.counts import binomial_interval
from counterpoise.profile.records import Finding

if TYPE_CHECKING:
    from counterpoise.profile.card import Profile

__all__ = ["CHECKS", "advise", "customary_treatments"]

FEWEST_POSITIVES = 10
"""Below it no figure about the positives means much."""

FEW_POSITIVES = 100
"""Below it the interval of a recall of 0.8 is wider than 16 points."""

SUSPICIOUS, SUSPICIOUS_LOWER = 0.99, 0.8
"""Area under the ROC curve of a single column that is called suspicious, and what its lower bound must reach: with
fewer than 17 positives even a perfect column is not called so, because luck could make one among many."""

MILD_RATE, STRONG_RATE = 0.30, 0.05
"""Shares of positives between which the customary advice changes (70/30 and 95/5)."""

VAN_DEN_GOORBERGH = (
    "van den Goorbergh, van Smeden, Timmerman, Van Calster, JAMIA 29(9), 2022; "
    "Elor, Averbuch-Elor, To SMOTE or not to SMOTE?, 2022 (73 data sets)"
)
CUSTOM = "customary rules of thumb, as taught; the trial shows whether they hold here"


def advise(profile: Profile) -> tuple[Finding, ...]:
    """Run every check on a profile.

    Parameters
    ----------
    profile : Profile
        The counts.

    Returns
    -------
    tuple of Finding
        Warnings first, then advice, then information; each group in the order of `CHECKS`.
    """
    found = [finding for check in CHECKS if (finding := check(profile)) is not None]
    order = ("fatal", "warning", "advice", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _listed(names: list[str], n: int = 3) -> str:
    quoted = ", ".join(repr(name if len(name) <= 40 else name[:39] + "…") for name in names[:n])
    return quoted + (f" and {len(names) - n} more" if len(names) > n else "")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


# --- warnings --------------------------------------------------------------------------------------------------


def _leak(p: Profile) -> Finding | None:
    """Name columns that separate the classes alone."""
    names = [f.name for f in p.features if f.separation >= SUSPICIOUS and f.lower >= SUSPICIOUS_LOWER]
    if not names:
        return None
    best = max(f.separation for f in p.features)
    one = len(names) == 1
    return Finding(
        code="leak-suspected",
        title="A column separates the classes alone" if one else "Columns separate the classes alone",
        severity="warning",
        sentence=f"{_listed(names)} alone {'tells' if one else 'tell'} the classes apart (area under the ROC curve "
        f"{best:.3f}). Either the problem is easy, or {'it is' if one else 'they are'} the outcome under another "
        "name or known only afterwards; if so, drop with --drop.",
        source="Kaufman, Rosset, Perlich, Stitelman, Leakage in data mining, ACM TKDD 6(4), 2012",
    )


def _few_positives(p: Profile) -> Finding | None:
    """Say how uncertain figures about few positives are."""
    name, n = p.rarest
    if n >= FEW_POSITIVES:
        return None
    hits = round(0.8 * n)
    lower, upper = binomial_interval(hits, n)
    return Finding(
        code="few-positives",
        title=f"Only {n} {name}",
        severity="warning" if n >= FEWEST_POSITIVES else "fatal",
        sentence=f"A recall measured as {hits}/{n} may truly be anywhere from {lower:.2f} to {upper:.2f}. "
        "Small differences between treatments cannot be shown here; more positives help more than any treatment.",
        source="exact binomial interval: Clopper, Pearson, Biometrika 26, 1934",
    )


def _conflicting_labels(p: Profile) -> Finding | None:
    """Say how many rows are equal in all features and differ in the label."""
    n = p.duplicates.n_conflicting
    if not n:
        return None
    return Finding(
        code="conflicting-labels",
        title="Equal rows with different labels",
        severity="warning",
        sentence=f"{n:,} rows share all their features with a row of the other class. No model can tell them "
        "apart; they bound what is possible.",
    )


def _duplicates(p: Profile) -> Finding | None:
    """Warn of repeated rows, which leak across a random split."""
    n = p.duplicates.n_repeats
    if n < max(1, 0.01 * p.n_rows):
        return None
    return Finding(
        code="duplicates",
        title="Many rows repeat",
        severity="warning",
        sentence=f"{n:,} rows ({_percent(n / p.n_rows)}) repeat the features of an earlier row, "
        f"{p.duplicates.n_positive_repeats:,} of them positives. A random split puts copies on both sides and flatters "
        "the model; name a group, or drop the repeats, if a copy is the same case seen twice.",
        source="Vandewiele et al., Artificial Intelligence in Medicine 111, 2021; "
        "Kapoor, Narayanan, Patterns 4(9), 2023",
    )


def _drift_of_rate(p: Profile) -> Finding | None:
    """Warn that the share of positives moves over time."""
    if p.times is None or p.times.drift_p_value is None or p.times.drift_p_value >= 0.001:
        return None
    return Finding(
        code="drift-of-rate",
        title="The rate of positives moves",
        severity="warning",
        sentence=f"The share of positives is not the same in all periods of {p.times.every} (p = "
        f"{p.times.drift_p_value:.1g}). Judge on later rows than those learned from, and watch the rate in use.",
        source="chi-square test of homogeneity, K. Pearson 1900",
    )


def _telling_gaps(p: Profile) -> Finding | None:
    """Warn of values that one class lacks far more often than the other."""
    names = [
        m.column
        for m in p.missing
        if m.p_value < 0.001 / p.n_features and abs(m.share_positive - m.share_negative) >= 0.1
    ]
    if not names:
        return None
    m = next(m for m in p.missing if m.column == names[0])
    return Finding(
        code="telling-gaps",
        title="That a value is missing tells the class",
        severity="warning",
        sentence=f"{_listed(names)}: missing in {_percent(m.share_positive)} of the positives and "
        f"{_percent(m.share_negative)} of the negatives. Check that the value is looked up equally early for both.",
        source="Rubin, Inference and missing data, Biometrika 63, 1976",
    )


# --- advice ----------------------------------------------------------------------------------------------------


def _line_first(p: Profile) -> Finding | None:
    """Advise to try the untreated model with its own line first."""
    if p.rarest_share >= MILD_RATE:
        return None
    return Finding(
        code="line-before-treatment",
        title="Move the line before you treat the rows",
        severity="advice",
        sentence="Try the untreated model with a line of its own first: for strong learners resampling seldom ranks "
        "better, and it distorts the probabilities. `compare` always runs that model as the baseline.",
        source=VAN_DEN_GOORBERGH,
    )


def customary_treatments(rate: float) -> tuple[str, ...]:
    """Name the treatments that are customary at an imbalance.

    Parameters
    ----------
    rate : float
        Share of positives.

    Returns
    -------
    tuple of str
        Names that `compare` takes.
    """
    if rate >= MILD_RATE:
        return ("class_weight",)
    if rate > STRONG_RATE:
        return ("smote", "class_weight")
    return ("class_weight", "random_over", "random_under", "smote")


def _textbook(p: Profile) -> Finding | None:
    """Give the customary advice for this imbalance and size."""
    rate, n = p.rarest_share, p.n_rows
    if rate >= MILD_RATE:
        treatment = "class weights first"
    elif rate > STRONG_RATE:
        treatment = "SMOTE and class weights"
    else:
        treatment = "combine over- and undersampling with weights"
    if n < 1_000:
        size = "with under 1,000 rows oversample and throw nothing away"
    elif n <= 10_000:
        size = "with 1,000 to 10,000 rows SMOTE with a tuned line"
    else:
        size = "with over 10,000 rows undersampling is fine too, or weights"
    return Finding(
        code="textbook-treatment",
        title="What is customary at this imbalance",
        severity="info",
        sentence=f"At {_percent(rate)} {p.rarest[0]} textbooks say: {treatment}; {size}. The evidence since then says "
        "to compare with the untreated model and its own line.",
        source=CUSTOM,
    )


def _hard_minority(p: Profile) -> Finding | None:
    """Advise to filter before inventing rows where most positives stand among negatives."""
    m = p.minority
    if m is None or (m.rare + m.outlier) / m.n_judged < 0.5:
        return None
    return Finding(
        code="hard-minority",
        title="Most positives stand among negatives",
        severity="advice",
        sentence=f"{_percent((m.rare + m.outlier) / m.n_judged)} of the positives have at most one positive among "
        f"their {m.n_neighbours} neighbours. Rows invented between such positives fall among the negatives: prefer "
        "weights, or a filter before SMOTE (neighbour_filter_smote).",
        source="Napierala, Stefanowski, J. Intelligent Information Systems 46, 2016",
    )


def _safe_minority(p: Profile) -> Finding | None:
    """Say that the positives form regions of their own."""
    m = p.minority
    if m is None or m.safe / m.n_judged < 0.6:
        return None
    return Finding(
        code="safe-minority",
        title="Most positives stand among positives",
        severity="info",
        sentence=f"{_percent(m.safe / m.n_judged)} of the positives have four or five positives among their "
        f"{m.n_neighbours} neighbours: the class has regions of its own, and learners of most kinds will find them.",
        source="Napierala, Stefanowski, J. Intelligent Information Systems 46, 2016",
    )


def _thin_negatives(p: Profile) -> Finding | None:
    """Advise to keep a share of the negatives where there are very many."""
    negatives = p.n_rows - p.n_positive
    if negatives < 200_000 or p.rate.value > STRONG_RATE:
        return None
    return Finding(
        code="thin-negatives",
        title="A share of the negatives will do",
        severity="advice",
        sentence=f"With {negatives:,} negatives for {p.n_positive:,} positives, learning from some 10 to 50 negatives "
        "a positive costs little accuracy and much less time, provided the prior is put back afterwards "
        "(random_under does so).",
        source="King, Zeng, Logistic regression in rare events data, Political Analysis 9(2), 2001; "
        "Dal Pozzolo, Caelen, Johnson, Bontempi, SSCI 2015",
    )


def _grouped_rows(p: Profile) -> Finding | None:
    """Say that rows come in groups."""
    g = p.groups
    if g is None or g.n_groups == p.n_rows:
        return None
    return Finding(
        code="grouped-rows",
        title="Rows come in groups",
        severity="advice",
        sentence=f"{p.n_rows:,} rows belong to {g.n_groups:,} values of {g.column!r}, {g.n_with_positive:,} of which "
        "hold a positive. Folds keep groups whole; it is the groups with positives that limit how many folds there "
        "can be.",
        source="Roberts et al., Ecography 40(8), 2017",
    )


def _many_levels(p: Profile) -> Finding | None:
    """Name categories with more levels than positives can inform."""
    names = [name for name, n in p.n_levels.items() if n > max(50, p.n_positive / 5)]
    if not names:
        return None
    return Finding(
        code="many-levels",
        title="Categories with many levels",
        severity="advice",
        sentence=f"{_listed(names)}: so many levels that most have seen no positive or one. Group rare levels, or "
        "expect little from the column.",
        source="Micci-Barreca, SIGKDD Explorations 3(1), 2001",
    )


# --- information --------------------------------------------------------------------------------------------------


def _accuracy_misleads(p: Profile) -> Finding | None:
    """Say what accuracy a model that never alerts has."""
    if p.rate.value >= 0.1 or len(p.classes) > 2:
        return None
    return Finding(
        code="accuracy-misleads",
        title="Accuracy says nothing here",
        severity="info",
        sentence=f"A model that never alerts is right in {100 * (1 - p.rate.value):.4g} % of the rows and finds "
        "nothing. Look at average precision, and at precision and recall at the line.",
        source="Provost, Fawcett, Kohavi, ICML 1998; Saito, Rehmsmeier, PLoS ONE 10(3), 2015",
    )


def _mild(p: Profile) -> Finding | None:
    """Say that the classes are hardly imbalanced."""
    if p.rarest_share < MILD_RATE:
        return None
    return Finding(
        code="mild-imbalance",
        title="Hardly imbalanced",
        severity="info",
        sentence=f"{_percent(p.rarest_share)} of the rows are {p.rarest[0]}. Choose the line by what mistakes cost; "
        "there is hardly an imbalance to treat.",
        source=CUSTOM,
    )


def _much_missing(p: Profile) -> Finding | None:
    """Name features that mostly are missing."""
    names = [m.column for m in p.missing if m.share > 0.5]
    if not names:
        return None
    return Finding(
        code="much-missing",
        title="Features that mostly are missing",
        severity="info",
        sentence=f"{_listed(names)}: missing in more than half of the rows. The learners take missing values as they "
        "are; nothing needs to be filled in first.",
        source="Josse, Chen, Prost, Varoquaux, Scornet, Statistical Papers 65, 2024",
    )


def _left_out(p: Profile) -> Finding | None:
    """Name the columns that no model sees."""
    if not p.left_out:
        return None
    parts = [f"{name if len(name) <= 40 else name[:39] + '…'!s} ({why})" for name, why in p.left_out.items()]
    more = f" and {len(parts) - 4} more" if len(parts) > 4 else ""
    return Finding(
        code="left-out",
        title="Columns left out",
        severity="info",
        sentence=f"No model sees {', '.join(parts[:4])}{more}.",
    )


CHECKS: tuple[Callable[[Profile], Finding | None], ...] = (
    _few_positives,
    _leak,
    _conflicting_labels,
    _duplicates,
    _drift_of_rate,
    _telling_gaps,
    _line_first,
    _hard_minority,
    _thin_negatives,
    _grouped_rows,
    _many_levels,
    _accuracy_misleads,
    _mild,
    _textbook,
    _safe_minority,
    _much_missing,
    _left_out,
)
"""Every check, in the order in which findings of one severity are shown."""
