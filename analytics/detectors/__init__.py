"""Detectors: one protocol, several backends, each opened by name."""

from analytics.detector import Answer, Detector, DetectorSpec, InputSizes
from analytics.detectors.opening import WeightsMissing, open_detector

__all__ = ["Answer", "Detector", "DetectorSpec", "InputSizes", "WeightsMissing", "open_detector"]
