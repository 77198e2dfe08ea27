"""Promotion: metrics in, a decision out."""
