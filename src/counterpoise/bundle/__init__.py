"""Bundles: a model as a folder or a zip without pickle, audited before it is loaded."""

from counterpoise.bundle.histogram import Histogram
from counterpoise.bundle.model import Model
from counterpoise.bundle.schema import FeatureSchema, Schema
from counterpoise.bundle.storage import load, save

__all__ = ["FeatureSchema", "Histogram", "Model", "Schema", "load", "save"]
