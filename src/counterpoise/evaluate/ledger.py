"""What is finished, on disk: each fold's scores as they come, so that a killed trial goes on where it was.

The folder holds the table once in a form that workers can open (`table.arrow`), and one file for each finished
fold of each candidate. Files are written under another name and renamed, so each is whole or absent. `spec.json`
says what the scores belong to; scores of another table, split or seed are not used. They are removed, and nothing else
ever is: a folder that holds anything that no ledger wrote is refused.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise.errors import OptionError
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.task import PROGRAMS, FoldScores
from counterpoise.split import Folds
from counterpoise.table.files import writing_explained
from counterpoise.table.table import Table

__all__ = ["INPUT_FILES", "FinishedFold", "Ledger", "refuse_others"]

INPUT_FILES = ("table", "y", "weights")
"""What `Ledger.inputs` gives that are paths."""

_FORMAT = 2
_SPEC, _REPEAT = "spec.json", "repeat"

_OUR_FILES = re.compile(
    r"spec\.(json|partial)|table\.arrow|(y|weights)\.npy|[a-z0-9_-]+\.fold[0-9]+\.(npz|partial)"
)
_OUR_FOLDERS = re.compile(rf"{PROGRAMS}|{_REPEAT}[0-9]+")


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
        folder = self.folder / f"{_REPEAT}{number}"
        return Ledger(folder, self.table, folds, self.seed, is_nested=self.is_nested, shared=self)

    def _open(self) -> None:
        refuse_others(self.folder)
        spec = self._spec()
        file = self.folder / _SPEC
        with writing_explained(self.folder):
            if _json(file) != spec:
                _clear(self.folder)
                self.folder.mkdir(parents=True, exist_ok=True)
                partial = file.with_suffix(".partial")
                partial.write_text(json.dumps(spec, indent=1), encoding="utf-8")
                partial.replace(file)
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
        _remove(self.folder / PROGRAMS)  # of a killed run: a program may be half there
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
        with writing_explained(file):
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


def refuse_others(folder: Path) -> None:
    """Refuse a folder that holds anything that no ledger wrote, before any of it is removed.

    Parameters
    ----------
    folder : Path
        Where finished folds are to be kept; it need not be there.

    Raises
    ------
    OptionError
        If it is a file, or something in it is not a ledger's; names that begin with a dot are left alone.
    """
    with writing_explained(folder):
        others = _others(folder)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise OptionError(
            f"{str(folder)!r} holds what no trial wrote: {', '.join(others[:3])}{more}.",
            expected="Expected a name that is free, or the finished folds of an earlier trial.",
            why="Finished folds are kept there, and those of another table, split or seed are removed.",
            hint="Choose another folder for the trial, or move these away.",
        )


def _others(folder: Path) -> list[str]:
    """Name what is in a folder and not a ledger's: everything, where no spec of ours says that it is one."""
    if not folder.is_dir():
        return [folder.name] if folder.exists() or folder.is_symlink() else []
    found = sorted(_visible(folder))
    spec = _json(folder / _SPEC)
    if not (isinstance(spec, dict) and {"format", "fingerprint", "folds"} <= spec.keys()):
        return [path.name for path in found if path.name != "spec.partial"]
    others = []
    for path in found:
        if not path.is_dir():
            others += [path.name] * (not _OUR_FILES.fullmatch(path.name))
        elif not _OUR_FOLDERS.fullmatch(path.name):
            others.append(path.name)
        elif path.name != PROGRAMS:
            others += [f"{path.name}/{name}" for name in _others(path)]
    return others


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _clear(folder: Path) -> None:
    """Remove a ledger's files, those that say that they are one last, so that a kill leaves what is still known."""
    if not folder.is_dir():
        return
    for path in sorted(_visible(folder), key=lambda path: path.name == _SPEC):
        if path.name.startswith(_REPEAT) and path.is_dir():
            _clear(path)
        else:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sum(rows: np.ndarray) -> int:
    """Stand for a set of rows by a sum that differs when one row differs."""
    return int((rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).sum() & np.uint64(2**53 - 1))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
