"""The report: one page and the charts of a trial, from its records alone, so that old results still render."""

from __future__ import annotations

from counterpoise.report.charts import CHARTS, Plots
from counterpoise.report.notebook import trial_html, verdict_html
from counterpoise.report.page import render

__all__ = ["CHARTS", "Plots", "render", "trial_html", "verdict_html"]
