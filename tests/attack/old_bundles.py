"""Bundles as older versions wrote them, made by code, so that no binary is kept in the repository."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import skops.io

from counterpoise.bundle import Model


def write_format_1(model: Model, folder: Path) -> Path:
    """Write a bundle as format 1 was: a schema without histograms, evidence without outcomes."""
    folder.mkdir(parents=True)
    skops.io.dump(model.learner, folder / "learner.skops")
    features = [each.model_dump(exclude={"histogram"}) for each in model.schema.features]
    decision = {
        "labels": [int(label) for label in model.labels],
        "operating_point": model.operating_point.to_dict(),
        "calibration": model.calibration.to_dict(),
        "base_rate": model.base_rate,
        "version": model.version,
    }
    texts = {
        "schema.json": {"features": features, "roles": model.schema.roles},
        "decision.json": decision,
        "facts.json": dict(model.facts),
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "card.md").write_text("# card")
    if model.evidence is not None:
        model.evidence.drop("outcome", "weight", strict=False).write_parquet(folder / "evidence.parquet")
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in sorted(folder.iterdir())
    }
    manifest = {"kind": "counterpoise bundle", "format": 1, "version": model.version, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
