"""Bundles: a model as a folder without pickle, audited before it is loaded."""

from counterpoise.bundle.model import Model
from counterpoise.bundle.schema import FeatureSchema, Schema
from counterpoise.bundle.storage import load, save

__all__ = ["FeatureSchema", "Model", "Schema", "load", "save"]
