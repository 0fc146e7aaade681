"""A bundle as an MLflow model: MLflow calls `_load_pyfunc`, which reads the bundle; nothing is pickled."""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from counterpoise.bundle.model import Model
from counterpoise.bundle.schema import FeatureSchema
from counterpoise.bundle.storage import load
from counterpoise.errors import MissingExtra, ModelError

__all__ = ["BundleModel", "export_mlflow"]

_TYPES = {"number": "double", "boolean": "boolean", "date": "datetime", "category": "string"}
"""Types of the columns for MLflow, which reads JSON and CSV by them. (`AnyType` takes more frames, but no CSV.)"""

_REQUIREMENTS = ("counterpoise", "numpy", "scipy", "scikit-learn", "polars", "pandas")
_MARKER = "MLmodel"


class BundleModel:
    """What MLflow serves: a bundle behind ``predict``.

    Parameters
    ----------
    model : Model
        The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Decide rows.

        Parameters
        ----------
        frame : pandas.DataFrame
            Rows with the model's features.
        params : dict, optional
            Not used.

        Returns
        -------
        pandas.DataFrame
            As `Model.decide` gives it: ``probability``, ``label``, ``threshold``, ``goal``, ``version``.

        Raises
        ------
        ModelError
            If features are missing, or of another type than the model was trained on.
        """
        known = [name for name in self.model.schema.names if name in frame.columns]
        return self.model.decide(pl.DataFrame({name: _series(frame[name]) for name in known})).to_pandas()


def _series(column: Any) -> pl.Series:
    """Take a pandas column over; one without any value has lost its type on the way, whatever it was."""
    if column.isna().all():
        return pl.Series([None] * len(column))
    try:
        series: pl.Series = pl.from_pandas(column)
    except (TypeError, ValueError) as error:  # what pyarrow raises for text among numbers, and the like
        raise ModelError(
            f"The column {column.name!r} holds values of several types: {error}.",
            expected="Expected the type that the model was trained on, in every row.",
            why="A value of another type would be read as something else.",
            hint="Convert this column.",
        ) from error
    return series


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> BundleModel:
    """Read the bundle that lies in an MLflow model; called by MLflow."""
    return BundleModel(load(path))


def export_mlflow(model: Model, path: str | Path) -> Path:
    """Write a folder that ``mlflow models serve`` runs.

    Parameters
    ----------
    model : Model
        The model.
    path : str or Path
        The folder; an MLflow model that stands there is replaced, anything else is not.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    MissingExtra
        If the extra ``mlflow`` is not installed.
    ModelError
        If the path holds something else.
    """
    for library in ("mlflow", "pandas"):
        if find_spec(library) is None:
            raise MissingExtra.of(library, "mlflow")
    from mlflow import pyfunc

    path = Path(path)
    if path.exists() and not (path / _MARKER).is_file():
        raise ModelError(
            f"{str(path)!r} exists and is not an MLflow model.",
            expected="Expected a new name, or an MLflow model to replace.",
            why="Replacing it would destroy something else.",
            hint="Choose another path.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as partial:
        bundle = model.save(Path(partial) / "bundle")
        whole = Path(partial) / "mlflow"
        pyfunc.save_model(
            whole,
            loader_module=__name__,
            data_path=str(bundle),
            signature=_signature(model),
            input_example=_example(model),
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
            metadata={"version": str(model.version), "goal": str(model.operating_point.goal)},
        )
        shutil.rmtree(path, ignore_errors=True)
        whole.replace(path)
    return path


def _signature(model: Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    columns = [
        ColSpec(_TYPES[each.kind], each.name, required=_is_needed(each)) for each in model.schema.features
    ]
    return ModelSignature(inputs=Schema(columns))


def _example(model: Model) -> Any:
    """Make one row of what the schema knows: no row that the model was trained on."""
    import pandas as pd

    row = {each.name: [_example_value(each)] for each in model.schema.features}
    dates = {each.name: "datetime64[us]" for each in model.schema.features if each.kind == "date"}
    return pd.DataFrame(row).astype(dates)


def _example_value(feature: FeatureSchema) -> Any:
    if feature.kind == "number":
        return 0.0 if feature.lower is None or feature.upper is None else (feature.lower + feature.upper) / 2
    if feature.kind == "category":
        return (feature.levels or ["a"])[0]
    return False if feature.kind == "boolean" else "2000-01-01"


def _is_needed(feature: FeatureSchema) -> bool:
    """Say whether a column must be there whole: MLflow takes a required one for never missing."""
    return feature.missing == 0.0 and feature.kind != "number"
