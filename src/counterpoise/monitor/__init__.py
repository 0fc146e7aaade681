"""What becomes of a model that answers: drift, prevalence, performance without and with labels, and alarms.

Pure functions from arrays and a bundle's plain histograms to records; `counterpoise.serve` feeds them from its store.
"""

from counterpoise.monitor.look import Summary, look, summarise
from counterpoise.monitor.records import (
    Alarm,
    Bins,
    Check,
    FeatureReport,
    Figure,
    Reference,
    Report,
    Rules,
    WindowReport,
    say_share,
)
from counterpoise.monitor.reference import features_of, reference_from, reference_of_class
from counterpoise.monitor.windows import UNKNOWN, Window, cut, joined, parse_every

__all__ = [
    "UNKNOWN",
    "Alarm",
    "Bins",
    "Check",
    "FeatureReport",
    "Figure",
    "Reference",
    "Report",
    "Rules",
    "Summary",
    "Window",
    "WindowReport",
    "cut",
    "features_of",
    "joined",
    "look",
    "parse_every",
    "reference_from",
    "reference_of_class",
    "say_share",
    "summarise",
]
