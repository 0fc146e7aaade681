"""``counterpoise export``: a saved model in a form that other tools run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoise.cli import options as o
from counterpoise.errors import OptionError, nearest_names

if TYPE_CHECKING:
    from counterpoise.bundle import Model

__all__ = ["FORMS", "action", "register"]

FORMS = ("onnx", "mlflow", "zip")
"""What a model can be exported to."""


def action(model: str | Path, to: str, out: Path) -> Path:
    """Write a model in another form.

    Parameters
    ----------
    model : str or Path
        A bundle.
    to : {"onnx", "mlflow", "zip"}
        One ONNX graph, a folder for MLflow, or the bundle as one file.
    out : Path
        Where to write.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    OptionError
        If the form is unknown, the name does not fit it, or nothing can be written there.
    ModelError
        If there is no model.
    NotApplicable
        If a part of the model cannot be written in this form.
    MissingExtra
        If the form's library is not installed.
    """
    from counterpoise.bundle import load

    if to not in FORMS:
        raise OptionError(
            f"--to {to} was given.",
            expected=f"Expected one of {', '.join(FORMS)}.",
            why="It says which tool is to run the model.",
            hint=nearest_names(to, list(FORMS)) or "For example --to onnx.",
        )
    if to == "zip" and out.suffix != ".zip":
        raise OptionError(
            f"--out {out} was given for a zip.",
            expected="Expected a name that ends in .zip.",
            why="By its ending it is known for what it is.",
            hint=f"For example --out {out.name}.zip.",
        )
    loaded = load(model)
    try:
        return _written(loaded, to, out)
    except OSError as error:
        raise OptionError(
            f"--out {out} cannot be written: {error.strerror or error}.",
            expected="Expected a name in a folder that can be written, on a disk with room.",
            why="The model is written whole or not at all; nothing was left there.",
            hint="Check the path, who may write there, and the room on the disk.",
        ) from error


def _written(loaded: Model, to: str, out: Path) -> Path:
    if to == "onnx":
        from counterpoise.bundle.onnx import export_onnx

        return export_onnx(loaded, out)
    if to == "mlflow":
        from counterpoise.bundle.mlflow_model import export_mlflow

        return export_mlflow(loaded, out)
    return loaded.save(out)


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("export")
    def _export(
        model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder or zip that compare wrote.")],
        to: Annotated[str, typer.Option("--to", metavar="onnx|mlflow|zip", help="What is to run it.")],
        out: o.Out,
    ) -> None:
        """Write a saved model as one ONNX graph, as an MLflow model, or as one zip."""
        written = action(model, to, out)
        sys.stdout.write(f"written to {written}\n")
