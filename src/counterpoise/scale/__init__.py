"""Where work runs: the engine seam."""

from counterpoise.scale.choosing import make_engine
from counterpoise.scale.engine import Done, Engine, InlineEngine, Job, LocalEngine, WorkLost, n_cores

__all__ = ["Done", "Engine", "InlineEngine", "Job", "LocalEngine", "WorkLost", "make_engine", "n_cores"]
