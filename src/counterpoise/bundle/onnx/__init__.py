"""A model as one ONNX graph: preprocessing, learner, calibration and line, in double precision."""

from counterpoise.bundle.onnx.export import export_onnx

__all__ = ["export_onnx"]
