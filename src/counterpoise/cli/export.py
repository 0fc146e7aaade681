"""``counterpoise export``: a saved model in a form that other tools run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from counterpoise.cli import options as o
from counterpoise.errors import OptionError, nearest_names

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
        If the form is unknown, or the name does not fit it.
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
    loaded = load(model)
    if to == "onnx":
        from counterpoise.bundle.onnx import export_onnx

        return export_onnx(loaded, out)
    if to == "mlflow":
        from counterpoise.bundle.mlflow_model import export_mlflow

        return export_mlflow(loaded, out)
    if out.suffix != ".zip":
        raise OptionError(
            f"--out {out} was given for a zip.",
            expected="Expected a name that ends in .zip.",
            why="By its ending it is known for what it is.",
            hint=f"For example --out {out.name}.zip.",
        )
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
