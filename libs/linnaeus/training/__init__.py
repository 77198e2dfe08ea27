"""Splits, estimators, calibration and evaluation of category and risk models."""
