"""Where work runs: the engine seam; passes over chunks, and thinning of what does not fit."""

from counterpoise.scale.choosing import make_engine
from counterpoise.scale.engine import Done, Engine, InlineEngine, Job, LocalEngine, WorkLost, n_cores
from counterpoise.scale.passes import Step, run_pass
from counterpoise.scale.sizes import available_bytes, chunks_to_thin, rows_that_fit
from counterpoise.scale.sketch import ValueCounts
from counterpoise.scale.thinning import Thinned, class_sizes, read_thinned, thin

__all__ = [
    "Done",
    "Engine",
    "InlineEngine",
    "Job",
    "LocalEngine",
    "Step",
    "Thinned",
    "ValueCounts",
    "WorkLost",
    "available_bytes",
    "chunks_to_thin",
    "class_sizes",
    "make_engine",
    "n_cores",
    "read_thinned",
    "rows_that_fit",
    "run_pass",
    "thin",
]
