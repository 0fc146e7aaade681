"""Samplers: what to keep, what to repeat, what to invent."""

from __future__ import annotations

from counterpoise.resample.base import BaseSampler
from counterpoise.resample.plan import Plan
from counterpoise.resample.random import RandomOverSampler, RandomUnderSampler

__all__ = ["BaseSampler", "Plan", "RandomOverSampler", "RandomUnderSampler"]
