"""Which engine a name means."""

from __future__ import annotations

from counterpoise.errors import OptionError
from counterpoise.scale.engine import Engine, InlineEngine, LocalEngine

__all__ = ["make_engine"]

_ADDRESS = "dask://"
_PRELOAD = ("counterpoise.table.frames",)


def make_engine(
    name: str = "local",
    workers: int | None = None,
    *,
    preload: tuple[str, ...] = _PRELOAD,
) -> Engine:
    """Make the engine that a name means; it is not started yet.

    Parameters
    ----------
    name : str, default="local"
        ``"local"`` (processes of this machine), ``"dask"`` (a Dask cluster of this machine) or
        ``"dask://HOST:PORT"`` (a running scheduler).
    workers : int, optional
        Processes at the same time; by default one a processor. 0 runs everything in this process.
    preload : tuple of str, optional
        Modules that each worker imports once.

    Returns
    -------
    Engine
        To be closed after use; all engines are context managers.

    Raises
    ------
    OptionError
        If the name means no engine.
    MissingExtra
        If it needs Dask, which is not installed.
    """
    if name == "local":
        return InlineEngine() if workers == 0 else LocalEngine(workers, preload=preload, retries=1)
    if name == "dask" or name.startswith(_ADDRESS):
        from counterpoise.scale.dask_engine import DaskEngine

        return DaskEngine(_tcp(name) if name != "dask" else None, workers or None, preload=preload)
    raise _unknown(name)


def _tcp(name: str) -> str:
    host, _, port = name.removeprefix(_ADDRESS).rstrip("/").rpartition(":")
    if not host or not port.isdigit():
        raise _unknown(name)
    return f"tcp://{host}:{port}"


def _unknown(name: str) -> OptionError:
    return OptionError(
        f"engine={name!r} was given.",
        expected="Expected local, dask or dask://HOST:PORT.",
        why="It says where the work is done.",
        hint="For example --engine dask://10.0.0.5:8786",
    )
