"""Bundles: a model as a folder that is audited before anything in it is built.

A bundle holds a manifest with the size and SHA-256 of every other file, plain JSON, one Parquet table, and the
learner as a skops archive. Loading has three phases that must stay apart: read and check the manifest, compare every
checksum, and list the types that the archive names - all inert - and only then build objects, of allowed types only.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import skops.io

from counterpoise.bundle.card import model_card
from counterpoise.bundle.model import Model
from counterpoise.bundle.schema import Schema
from counterpoise.bundle.version import FORMAT, OLDEST
from counterpoise.calibrate import map_from_dict
from counterpoise.decide import OperatingPoint
from counterpoise.errors import ModelError

__all__ = ["load", "save"]

_MANIFEST, _LEARNER, _DECISION, _SCHEMA = "manifest.json", "learner.skops", "decision.json", "schema.json"
_FACTS, _EVIDENCE, _CARD = "facts.json", "evidence.parquet", "card.md"

_ALLOWED = re.compile(r"counterpoise\.(learn|calibrate)\.[a-z_.]+\.[A-Z]\w*")
"""Types of our own that a learner may hold: classes of these rooms, never functions."""

_ALLOWED_OF_OTHERS = frozenset(
    {
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "functools.partial",  # of a function that is on this list itself: histogram boosting's check of categories
        "sklearn.utils.validation.check_array",
    }
)
"""Types of other libraries that skops does not trust of itself and a learner may hold."""


def save(model: Model, path: Path) -> Path:
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    model : Model
        What to write.
    path : Path
        The folder; a bundle that stands there is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ModelError
        If the path holds something that is not a bundle.
    """
    path = path.resolve()
    if path.exists() and not (path / _MANIFEST).is_file() and (path.is_file() or any(path.iterdir())):
        raise ModelError(
            f"{str(path)!r} exists and is not a bundle.",
            expected="Expected a new name, or a bundle to replace.",
            why="Replacing it would destroy something else.",
            hint="Choose another path.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        _write_files(model, partial)
        _write_manifest(model, partial)
        _swap(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def _write_files(model: Model, folder: Path) -> None:
    skops.io.dump(model.learner, folder / _LEARNER)
    decision = {
        "labels": [_plain(label) for label in model.labels],
        "operating_point": model.operating_point.to_dict(),
        "calibration": model.calibration.to_dict(),
        "base_rate": model.base_rate,
        "version": model.version,
    }
    (folder / _DECISION).write_text(json.dumps(decision, indent=1), encoding="utf-8")
    (folder / _SCHEMA).write_text(model.schema.model_dump_json(indent=1), encoding="utf-8")
    (folder / _FACTS).write_text(json.dumps(dict(model.facts), indent=1, default=_plain), encoding="utf-8")
    (folder / _CARD).write_text(model_card(model), encoding="utf-8")
    if model.evidence is not None:
        model.evidence.write_parquet(folder / _EVIDENCE)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _write_manifest(model: Model, folder: Path) -> None:
    files = {p.name: {"bytes": p.stat().st_size, "sha256": _sha256(p)} for p in sorted(folder.iterdir())}
    manifest = {"kind": "counterpoise bundle", "format": FORMAT, "version": model.version, "files": files}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _swap(partial: Path, path: Path) -> None:
    partial.chmod(0o755)
    if not path.exists():
        partial.replace(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    path.replace(old / "old")
    partial.replace(path)
    shutil.rmtree(old)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# --- loading -------------------------------------------------------------------------------------------------


def load(path: str | Path) -> Model:
    """Read a bundle after auditing it.

    Parameters
    ----------
    path : str or Path
        The folder that `Model.save` wrote.

    Returns
    -------
    Model
        As it was saved.

    Raises
    ------
    ModelError
        If there is no bundle, its format is newer, a file is absent or was changed, or the learner names types that
        a bundle may not hold. Nothing is built before all of this is known.
    """
    folder = Path(path)
    manifest = _manifest(folder)
    _check_files(folder, manifest)
    decision, schema = _json(folder / _DECISION), _json(folder / _SCHEMA)
    _audit_learner(folder / _LEARNER)
    evidence = folder / _EVIDENCE
    return Model(
        learner=skops.io.load(
            folder / _LEARNER, trusted=skops.io.get_untrusted_types(file=folder / _LEARNER)
        ),
        labels=tuple(decision["labels"]),
        schema=Schema.model_validate(schema),
        operating_point=OperatingPoint.from_dict(decision["operating_point"]),
        calibration=map_from_dict(decision["calibration"]),
        base_rate=decision["base_rate"],
        facts=_json(folder / _FACTS),
        evidence=pl.read_parquet(evidence) if _EVIDENCE in manifest["files"] else None,
        version=decision["version"],
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    if not (folder / _MANIFEST).is_file():
        raise ModelError(
            f"{str(folder)!r} is not a model." if folder.exists() else f"There is no model {str(folder)!r}.",
            expected=f"Expected a folder with a {_MANIFEST}, as compare writes to DIR/model.",
            why="There is nothing to predict with.",
            hint="Check the path, or run: counterpoise compare TABLE --target COL --out DIR",
        )
    manifest = _json(folder / _MANIFEST)
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or version < OLDEST or not isinstance(manifest.get("files"), dict):
        raise _damaged(folder, f"its {_MANIFEST} names no format from {OLDEST} to {FORMAT}")
    if version > FORMAT:
        raise ModelError(
            f"{str(folder)!r} is a bundle of format {version}.",
            expected=f"Expected format {FORMAT} or older.",
            why="A newer counterpoise wrote it, and reading it by guesswork could change its decisions.",
            hint="Upgrade: pip install --upgrade counterpoise",
        )
    return dict(manifest)


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    for name in (_LEARNER, _DECISION, _SCHEMA, _FACTS):
        if name not in manifest["files"]:
            raise _damaged(folder, f"{name} is not in the {_MANIFEST}")
    for name, expected in manifest["files"].items():
        file = folder / name
        if Path(name).name != name or not file.is_file():
            raise _damaged(folder, f"{name} is absent")
        if (
            file.is_symlink()
            or file.stat().st_size != expected["bytes"]
            or _sha256(file) != expected["sha256"]
        ):
            raise _damaged(folder, f"{name} is not what was saved")


def _damaged(folder: Path, how: str) -> ModelError:
    return ModelError(
        f"The bundle {str(folder)!r} cannot be used: {how}.",
        expected="Expected every file as it was saved.",
        why="A bundle that was changed, cut short or half-written would decide differently without a word.",
        hint="Copy it again from where it was saved, or save the model again.",
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path.parent, f"{path.name} cannot be read ({error})") from error


def _audit_learner(path: Path) -> None:
    try:
        named = skops.io.get_untrusted_types(file=path)
    except Exception as error:
        raise _damaged(
            path.parent, f"{path.name} cannot be read ({type(error).__name__}: {error})"
        ) from error
    strangers = [name for name in named if not (_ALLOWED.fullmatch(name) or name in _ALLOWED_OF_OTHERS)]
    if strangers:
        raise ModelError(
            f"The learner in {str(path)!r} names the types {', '.join(strangers)}.",
            expected="Expected learners of counterpoise and scikit-learn only.",
            why="Building an unknown type can run any code.",
            hint="Use bundles from a source you trust, made by counterpoise.",
        )
