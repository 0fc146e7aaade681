"""Samplers: what to keep, what to repeat, what to invent."""

from __future__ import annotations

from counterpoise.resample.plan import Plan
from counterpoise.resample.random import RandomOverSampler, RandomUnderSampler
from counterpoise.resample.smote import SMOTE, SMOTEN, SMOTENC

__all__ = ["SMOTE", "SMOTEN", "SMOTENC", "Plan", "RandomOverSampler", "RandomUnderSampler"]
