"""A profile of a table of which a share was kept: what was counted in full while the rows were chosen is put back."""

from __future__ import annotations

from counterpoise.profile.card import Profile
from counterpoise.profile.counts import missing_of, rate_of
from counterpoise.profile.records import Finding
from counterpoise.table.table import Table, Thinning

__all__ = ["finding_of", "in_full"]


def in_full(found: Profile, table: Table) -> Profile:
    """Put the counts of the full table into a profile of the rows kept.

    Parameters
    ----------
    found : Profile
        Counted on the rows kept.
    table : Table
        With `Table.thinning`, or without.

    Returns
    -------
    Profile
        Rows, positives, rate, classes and missing values of the full table; as it was where all rows are there.
    """
    full = table.thinning
    if full is None:
        return found
    n_negative = full.n_rows - full.n_positive
    missing = [
        missing_of(name, *full.missing[name], n_negative, full.n_positive)
        for name in table.features
        if name in full.missing
    ]
    return found.model_copy(
        update={
            "n_rows": full.n_rows,
            "n_positive": full.n_positive,
            "rate": rate_of(full.n_positive, full.n_rows),
            "classes": dict(zip(found.classes, (n_negative, full.n_positive), strict=True)),
            "missing": tuple(sorted(missing, key=lambda m: (-m.n, m.column))),
        }
    )


def finding_of(full: Thinning) -> Finding:
    """Say that rows were left out, and what it costs.

    Parameters
    ----------
    full : Thinning
        What was left out.

    Returns
    -------
    Finding
        For the profile and the trial.
    """
    return Finding(
        code="thinned",
        title="A share of the negatives was kept",
        severity="info",
        sentence=f"{full.sentence} Groups, repeated rows and what surrounds the positives are of the rows kept.",
        source="Ury, Biometrics 31, 1975; Fithian, Hastie, Annals of Statistics 42, 2014; Cohen, Kaplan, PODC 2007",
    )
