"""Bundles: a model as a folder, or one zip, that is audited before anything in it is built.

A bundle holds a manifest with the size and SHA-256 of every other file, plain JSON, one Parquet table, and the
learner as a skops archive. Loading has three phases that must stay apart: read and check the manifest, compare every
checksum, and list the types that the archive names - all inert - and only then build objects, of allowed types only.
What was checked is what is built: every file is read once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from counterpoise.bundle.archive import Files, opened, write_zip
from counterpoise.bundle.card import model_card
from counterpoise.bundle.model import Model
from counterpoise.bundle.schema import Schema
from counterpoise.bundle.version import FORMAT, OLDEST
from counterpoise.calibrate import map_from_dict
from counterpoise.decide import ClassRule, OperatingPoint
from counterpoise.errors import ModelError, TableError, TypeOfInputError
from counterpoise.table.files import folders_for

__all__ = ["load", "save"]

MANIFEST = "manifest.json"
_LEARNER, _DECISION, _SCHEMA = "learner.skops", "decision.json", "schema.json"
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
        The folder, or a file that ends in ``.zip``; a bundle that stands there is replaced.

    Returns
    -------
    Path
        The folder or file.

    Raises
    ------
    ModelError
        If the path holds something that is not a bundle or cannot be written, or the learner holds types that `load`
        would refuse.
    """
    try:
        path = path.resolve()
        refuse_other(path)
        with folders_for(path):
            return _write(model, path)
    except (OSError, TableError) as error:
        raise ModelError(
            f"{str(path)!r} cannot be written ({error.__cause__ or error}).",
            expected="Expected a folder with room and the right to write.",
            why="A bundle is written whole or not at all; nothing was left there.",
            hint="Make room, or choose another path.",
        ) from error


def refuse_other(path: Path) -> None:
    """Refuse to replace what is not a bundle.

    Parameters
    ----------
    path : Path
        Where a bundle is to be written.

    Raises
    ------
    ModelError
        If something else is there.
    """
    if path.exists() and not _is_replaceable(path):
        raise ModelError(
            f"{str(path)!r} exists and is not a bundle.",
            expected="Expected a new name, or a bundle to replace.",
            why="Replacing it would destroy something else.",
            hint="Choose another path.",
        )


def _write(model: Model, path: Path) -> Path:
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        whole = partial / "bundle"
        whole.mkdir()
        _write_files(model, whole)
        _write_manifest(model, whole)
        if path.suffix == ".zip":
            whole = write_zip(whole, partial / "bundle.zip")
        _swap(whole, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def _is_replaceable(path: Path) -> bool:
    """Say whether there is nothing but a bundle, in the form that is to be written."""
    if path.suffix != ".zip":
        return path.is_dir() and ((path / MANIFEST).is_file() or not any(path.iterdir()))
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.rpartition("/")[2] == MANIFEST for name in archive.namelist())


def _write_files(model: Model, folder: Path) -> None:
    import skops.io  # loads scikit-learn's other array libraries, Dask among them: a second that only a bundle is worth

    learner = skops.io.dumps(model.learner)
    _refuse_what_cannot_come_back(learner)
    (folder / _LEARNER).write_bytes(learner)
    decision = {
        "labels": [_plain(label) for label in model.labels],
        "operating_point": model.operating_point.to_dict(),
        "calibration": model.calibration.to_dict(),
        "base_rate": model.base_rate,
        "version": model.version,
        "rule": None if model.rule is None else model.rule.to_dict(),
    }
    (folder / _DECISION).write_text(json.dumps(decision, indent=1), encoding="utf-8")
    (folder / _SCHEMA).write_text(model.schema.model_dump_json(indent=1), encoding="utf-8")
    (folder / _FACTS).write_text(json.dumps(dict(model.facts), indent=1, default=_plain), encoding="utf-8")
    (folder / _CARD).write_text(model_card(model), encoding="utf-8")
    if model.evidence is not None:
        model.evidence.write_parquet(folder / _EVIDENCE)


def _refuse_what_cannot_come_back(learner: bytes) -> None:
    strangers = _strangers(learner)
    if strangers:
        raise ModelError(
            f"The learner holds the types {', '.join(strangers)}.",
            expected="Expected a learner of counterpoise or scikit-learn, of their own types only.",
            why="A bundle builds no type that it does not know, so that loading one can never run foreign code.",
            hint="Ship this learner with the library that it comes from, or use one of counterpoise.",
        )


def _strangers(learner: bytes) -> list[str]:
    """Name the types of an archive that a bundle may not build."""
    import skops.io

    named = skops.io.get_untrusted_types(data=learner)
    return [name for name in named if not (_ALLOWED.fullmatch(name) or name in _ALLOWED_OF_OTHERS)]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _write_manifest(model: Model, folder: Path) -> None:
    files = {p.name: _fingerprint(p.read_bytes()) for p in sorted(folder.iterdir())}
    manifest = {"kind": "counterpoise bundle", "format": FORMAT, "version": model.version, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for (
        file
    ) in folder.iterdir():  # what is renamed into place must be on the disk, or a power cut leaves half
        _flush(file)


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _flush(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(whole: Path, path: Path) -> None:
    if whole.is_file():
        _flush(whole)
        whole.replace(path)
        return
    whole.chmod(0o755)
    if path.exists():
        path.replace(whole.parent / "old")  # removed with the folder of what is partial
    whole.replace(path)


# --- loading -------------------------------------------------------------------------------------------------


def load(path: str | Path) -> Model:
    """Read a bundle after auditing it.

    Parameters
    ----------
    path : str or Path
        The folder or ``.zip`` that `Model.save` wrote.

    Returns
    -------
    Model
        As it was saved.

    Raises
    ------
    ModelError
        If there is no bundle, its format is newer, a file is absent or was changed, or the learner names types that
        a bundle may not hold. Nothing is built before all of this is known.
    TypeOfInputError
        If it is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeOfInputError(
            f"path={path!r} was given for a model.",
            expected="Expected a path, as text or as a pathlib.Path.",
            why="A model is a folder or a zip.",
            hint="For example counterpoise.load('out/model').",
        )
    with opened(Path(path), MANIFEST) as files:
        manifest = _manifest(files)
        contents = _checked(files, manifest)
    return _READERS[manifest["format"]](contents, files)


def _manifest(files: Files) -> Mapping[str, Any]:
    if MANIFEST not in files.names:
        known = sorted(files.names & {_LEARNER, _DECISION, _SCHEMA, _FACTS})
        if known:
            raise files.damaged(f"{MANIFEST} is absent, though {known[0]} is there: it was written by half")
        raise ModelError(
            f"{files.where!r} is not a model.",
            expected=f"Expected a folder or a zip with a {MANIFEST}, as compare writes to DIR/model.",
            why="There is nothing to predict with.",
            hint="Check the path, or run: counterpoise compare TABLE --target COL --out DIR",
        )
    manifest = _json(files.read(MANIFEST), MANIFEST, files)
    version = manifest.get("format") if isinstance(manifest, dict) else None
    listed = manifest.get("files") if isinstance(manifest, dict) else None
    if type(version) is not int or version < OLDEST or not isinstance(listed, dict):
        raise files.damaged(f"its {MANIFEST} names no format from {OLDEST} to {FORMAT}")
    if version > FORMAT:
        raise ModelError(
            f"{files.where!r} is a bundle of format {version}.",
            expected=f"Expected format {FORMAT} or older.",
            why="A newer counterpoise wrote it, and reading it by guesswork could change its decisions.",
            hint="Upgrade: pip install --upgrade counterpoise",
        )
    return dict(manifest)


def _checked(files: Files, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Read every listed file, once, and compare it with what was saved."""
    for name in (_LEARNER, _DECISION, _SCHEMA, _FACTS):
        if name not in manifest["files"]:
            raise files.damaged(f"{name} is not in the {MANIFEST}")
    contents = {}
    for name, expected in manifest["files"].items():
        if Path(name).name != name or name not in files.names:
            raise files.damaged(f"{name} is absent")
        contents[name] = files.read(name)
        if _fingerprint(contents[name]) != expected:
            raise files.damaged(f"{name} is not what was saved")
    return contents


def _read_1(contents: Mapping[str, bytes], files: Files) -> Model:
    """Build a model; a schema without histograms (format 1) has none, and scores are counted from the evidence."""
    _audit_learner(contents[_LEARNER], files)
    decision = _json(contents[_DECISION], _DECISION, files)
    try:
        evidence = contents.get(_EVIDENCE)
        return Model(
            learner=_built(contents[_LEARNER], files),
            labels=tuple(decision["labels"]),
            schema=Schema.model_validate_json(contents[_SCHEMA]),
            operating_point=OperatingPoint.from_dict(decision["operating_point"]),
            calibration=map_from_dict(decision["calibration"]),
            base_rate=decision["base_rate"],
            facts=_json(contents[_FACTS], _FACTS, files),
            evidence=None if evidence is None else pl.read_parquet(io.BytesIO(evidence)),
            version=decision["version"],
            rule=ClassRule.from_dict(rule) if (rule := decision.get("rule")) is not None else None,
        )
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        if isinstance(error, ModelError):
            raise
        raise files.damaged(f"its contents cannot be read ({type(error).__name__}: {error})") from error


_READERS: dict[int, Callable[[Mapping[str, bytes], Files], Model]] = {1: _read_1, 2: _read_1}
"""How each format is read; see `counterpoise.bundle.version`."""


def _json(content: bytes, name: str, files: Files) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise files.damaged(f"{name} cannot be read ({error})") from error


def _built(content: bytes, files: Files) -> Any:
    """Build the learner; its types have been audited."""
    import skops.io

    try:
        return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    except Exception as error:
        raise files.damaged(f"{_LEARNER} cannot be built ({type(error).__name__}: {error})") from error


def _audit_learner(content: bytes, files: Files) -> None:
    try:
        strangers = _strangers(content)
    except Exception as error:
        raise files.damaged(f"{_LEARNER} cannot be read ({type(error).__name__}: {error})") from error
    if strangers:
        raise ModelError(
            f"The learner in {files.where!r} names the types {', '.join(strangers)}.",
            expected="Expected learners of counterpoise and scikit-learn only.",
            why="Building an unknown type can run any code.",
            hint="Use bundles from a source you trust, made by counterpoise.",
        )
