"""Models in the store, and models that answer: a bundle as one zip, loaded after its audit, moved and warmed up."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise.bundle import FeatureSchema, Model, load
from counterpoise.bundle.archive import opened
from counterpoise.serve.bins import Binner
from counterpoise.serve.bodies import Body
from counterpoise.serve.contract import Contract, Rows
from counterpoise.serve.refusals import Refused

__all__ = ["Move", "Served", "moved", "packed_bundle", "unpacked_bundle"]

MANIFEST = "manifest.json"
"""Lists every other file of a bundle with its checksum."""

Move = Mapping[str, Any]
"""One of ``{"line": 0.2}``, ``{"base_rate": 0.01}``, ``{"costs": {"fn": 100, "fp": 1}}``."""


def packed_bundle(path: Path) -> tuple[str, bytes]:
    """Read a bundle, a folder or a zip, as it is kept in the store.

    Parameters
    ----------
    path : Path
        Where it is.

    Returns
    -------
    sha256 : str
        Of its manifest, which holds the checksums of all other files: the bundle's identity.
    content : bytes
        A zip.

    Raises
    ------
    ModelError
        If there is no bundle, or it is damaged.
    """
    load(path)  # refuses what is not whole, before it is kept
    out = io.BytesIO()
    with opened(path, MANIFEST) as files, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        sha256 = hashlib.sha256(files.read(MANIFEST)).hexdigest()
        for name in sorted(files.names):
            archive.writestr(name, files.read(name))
    return sha256, out.getvalue()


def unpacked_bundle(content: bytes) -> Model:
    """Load a bundle that was kept.

    Parameters
    ----------
    content : bytes
        A zip.

    Returns
    -------
    Model
        After the audit.

    Raises
    ------
    ModelError
        If it is not a bundle, or is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(content)
        return load(path)


def moved(model: Model, moves: Sequence[Move]) -> Model:
    """Move a model's line as often as it was moved.

    Parameters
    ----------
    model : Model
        As it was trained.
    moves : sequence of Move
        In the order in which they were made.

    Returns
    -------
    Model
        With another line, base rate or costs.

    Raises
    ------
    InputError
        If a number is outside its range.
    NotApplicable
        If the model's line cannot be moved so.
    """
    for move in moves:
        ((kind, value),) = move.items()
        if kind == "line":
            model = model.with_threshold(value)
        elif kind == "base_rate":
            model = model.with_prior(value)
        else:
            model = model.with_costs(**value)
    return model


@dataclass(frozen=True)
class Served:
    """A version that answers.

    Attributes
    ----------
    number : int
        The version's number at its endpoint.
    model : Model
        With its line where it was moved to.
    contract : Contract
        What it takes.
    """

    number: int
    model: Model
    contract: Contract

    @cached_property
    def labels(self) -> tuple[Any, ...]:
        """The model's labels as plain values."""
        return tuple(self.model.classes_.tolist())

    @cached_property
    def threshold(self) -> float | None:
        """The line; None where there are several classes."""
        return self.model.threshold if len(self.labels) == 2 else None

    def probability(self, rows: Rows) -> np.ndarray:
        """Score rows.

        Parameters
        ----------
        rows : Rows
            As the contract gave them.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            Probability of the positive class, or of each of several.

        Raises
        ------
        Refused
            If a row has no probability.
        """
        model = self.model
        found = (
            model.predict_proba_encoded(*rows.encoded)
            if self._takes_numbers
            else model.predict_proba(rows.frame)
        )
        found = found[:, 1] if len(self.labels) == 2 else found
        if not np.isfinite(found.sum()):
            raise _no_probability(
                int(np.flatnonzero(~np.isfinite(found.reshape(len(found), -1)).all(axis=1))[0])
            )
        return found

    def bins(self, rows: Rows) -> bytes:
        """Say in which bins of the training histograms the values fell, packed.

        Parameters
        ----------
        rows : Rows
            As the contract gave them.

        Returns
        -------
        bytes
            What `counterpoise.serve.bins` unpacks.
        """
        return self._binner.packed(rows.columns)

    @cached_property
    def _binner(self) -> Binner:
        return Binner(self.model.schema.features)

    @cached_property
    def _takes_numbers(self) -> bool:
        """Whether the learner gives the same for rows read as numbers, which is quicker: tried, not believed."""
        rows = self._sample()
        try:
            quick = self.model.predict_proba_encoded(*rows.encoded)
        except (TypeError, ValueError, AttributeError, IndexError):
            return False
        return np.allclose(quick, self.model.predict_proba(rows.frame), rtol=1e-9, atol=1e-12)

    def _sample(self) -> Rows:
        """Make rows of the schema: all missing; the least; the most, or another level."""
        columns = {f.name: [None, *_ends(f)] for f in self.model.schema.features}
        return replace(self.contract, is_lenient=True).conform(Body(columns))

    def warm_up(self) -> None:
        """Score a few rows, so that no client waits for what is done once."""
        rows = self._sample()
        self.probability(rows)
        self.bins(rows)


def _ends(feature: FeatureSchema) -> tuple[Any, Any]:
    if feature.kind == "number":
        return feature.lower, feature.upper
    if feature.kind == "boolean":
        return False, True
    if feature.kind == "category":
        return (feature.levels or ["a"])[0], (feature.levels or ["b"])[-1]
    return None, None


def _no_probability(row: int) -> Refused:
    return Refused(
        f"Row {row} has no probability.",
        row=row,
        expected="Expected values that the model can weigh.",
        why="Its numbers are so large that the model's sums overflow.",
        hint="Check the units of the row's numbers.",
    )
