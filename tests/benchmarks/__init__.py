"""Benchmarks: each is a script that prints its figures beside a peer's, measured in the same run; no tests."""
