"""What is finished, on disk: each fold's scores as they come, so that a killed trial goes on where it was.

The folder holds the table once in a form that workers can open (`table.arrow`), and one file for each finished
fold of each candidate. Files are written under another name and renamed, so each is whole or absent. `spec.json`
says what the scores belong to; scores of another table, split or seed are not used.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.task import PROGRAMS, FoldScores
from counterpoise.split import Folds
from counterpoise.table.table import Table

__all__ = ["INPUT_FILES", "FinishedFold", "Ledger"]

INPUT_FILES = ("table", "y", "weights")
"""What `Ledger.inputs` gives that are paths."""

_FORMAT = 2


@dataclass(frozen=True)
class FinishedFold:
    """A fold's scores with what the engine measured.

    Attributes
    ----------
    scores : FoldScores
        What the candidate said.
    peak_bytes : int
        Memory that fitting and scoring took.
    seconds : float
        Time that all of it took, inner folds and reading included.
    """

    scores: FoldScores
    peak_bytes: int
    seconds: float = 0.0


class Ledger:
    """The finished folds of one trial.

    Parameters
    ----------
    folder : Path or None
        Where they are kept; None keeps them in a temporary folder that `close` removes.
    table : Table
        What is learned from.
    folds : Folds
        How it is split.
    seed : int
        What seeds the candidates.
    is_nested : bool, default=False
        Whether scores of inner folds are kept too.
    shared : Ledger, optional
        Another repeat of the same trial, whose copy of the table is used.
    """

    def __init__(
        self,
        folder: Path | None,
        table: Table,
        folds: Folds,
        seed: int,
        *,
        is_nested: bool = False,
        shared: Ledger | None = None,
    ) -> None:
        self.is_temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="counterpoise-")) if folder is None else folder
        self.table, self.folds, self.seed, self.is_nested = table, folds, seed, is_nested
        self.shared = shared
        self._open()

    def repeat(self, number: int, folds: Folds) -> Ledger:
        """Open the ledger of another repeat, in a folder inside this one.

        Parameters
        ----------
        number : int
            Which repeat, from 1.
        folds : Folds
            How it is split.

        Returns
        -------
        Ledger
            It uses this one's copy of the table, so it must be closed first.
        """
        folder = self.folder / f"repeat{number}"
        return Ledger(folder, self.table, folds, self.seed, is_nested=self.is_nested, shared=self)

    def _open(self) -> None:
        spec = self._spec()
        file = self.folder / "spec.json"
        if not file.is_file() or _json(file) != spec:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            file.write_text(json.dumps(spec, indent=1), encoding="utf-8")
        if self.shared is None:
            self._write_inputs()

    def _spec(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "fingerprint": self.table.fingerprint,
            "features": list(self.table.features),
            "labels": [str(label) for label in self.table.labels],
            "roles": self.table.roles.used(),
            "folds": [[len(f.train), len(f.test), _sum(f.train), _sum(f.test)] for f in self.folds.folds],
            "kind": self.folds.kind,
            "seed": self.seed,
            "nested": self.is_nested,
        }

    def _write_inputs(self) -> None:
        shutil.rmtree(
            self.folder / PROGRAMS, ignore_errors=True
        )  # of a killed run: a program may be half there
        (self.folder / PROGRAMS).mkdir()
        self.table.X.write_ipc(self.folder / "table.arrow", compression="uncompressed")
        np.save(self.folder / "y.npy", self.table.y)
        if self.table.weights is not None:
            np.save(self.folder / "weights.npy", self.table.weights)

    def inputs(self) -> dict[str, Any]:
        """Give the arguments that `run_fold` needs to open the table.

        Returns
        -------
        dict
            Paths and the names of the features.
        """
        if self.shared is not None:
            return self.shared.inputs()
        weights = self.folder / "weights.npy"
        return {
            "table": str(self.folder / "table.arrow"),
            "features": list(self.table.features),
            "y": str(self.folder / "y.npy"),
            "weights": str(weights) if self.table.weights is not None else None,
        }

    def _file(self, candidate: Candidate, fold: int) -> Path:
        return self.folder / f"{candidate.key}.fold{fold}.npz"

    def get(self, candidate: Candidate, fold: int) -> FinishedFold | None:
        """Look a finished fold up.

        Parameters
        ----------
        candidate : Candidate
            Which one.
        fold : int
            Number of the fold, from 0.

        Returns
        -------
        FinishedFold or None
            None where it is not finished.
        """
        file = self._file(candidate, fold)
        if not file.is_file():
            return None
        with np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            scores = FoldScores(
                arrays["proba"],
                facts["fit_seconds"],
                facts["predict_seconds"],
                facts["history"],
                arrays["inner"] if len(arrays["inner"]) else None,
            )
        return FinishedFold(scores, facts["peak_bytes"], facts["seconds"])

    def put(self, candidate: Candidate, fold: int, finished: FinishedFold) -> None:
        """Keep a finished fold, whole or not at all.

        Parameters
        ----------
        candidate : Candidate
            Which one.
        fold : int
            Number of the fold, from 0.
        finished : FinishedFold
            Its scores.
        """
        scores, file = finished.scores, self._file(candidate, fold)
        facts: Mapping[str, Any] = {
            "fit_seconds": scores.fit_seconds,
            "predict_seconds": scores.predict_seconds,
            "history": scores.history,
            "peak_bytes": finished.peak_bytes,
            "seconds": finished.seconds,
        }
        inner = np.empty(0) if scores.inner is None else scores.inner
        partial = file.with_suffix(".partial")
        with partial.open("wb") as out:
            np.savez(out, proba=scores.proba, inner=inner, facts=np.array(json.dumps(facts)))
        partial.replace(file)

    def close(self) -> None:
        """Remove what workers needed; a temporary ledger goes altogether."""
        if self.is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.shared is not None:
            return
        for name in ("table.arrow", "y.npy", "weights.npy"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / PROGRAMS, ignore_errors=True)


def _sum(rows: np.ndarray) -> int:
    """Stand for a set of rows by a sum that differs when one row differs."""
    return int((rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).sum() & np.uint64(2**53 - 1))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
