"""A fingerprint of the code that runs: linnaeus itself, and the versions of the packages that decide results."""

from __future__ import annotations

import functools
import hashlib
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "ada-url",
    "ahocorasick-rs",
    "delta-spark",
    "icu4py",
    "mlflow",
    "numpy",
    "onnx",
    "pandas",
    "py3langid",
    "pyarrow",
    "pyspark",
    "regex",
    "scikit-learn",
    "scipy",
    "spark-nlp",
    "tokenizers",
    "xgboost",
)
_KINDS = {".py", ".j2", ".css", ".js"}


@functools.lru_cache
def code_state(jobs_folder: Path) -> str:
    """A hash of the library's files, of those in the folder of the jobs, and of Python's and the packages' versions.

    It is taken once a process: what a process has imported stays what it is.
    """
    digest = hashlib.sha256(repr([sys.version_info[:3], *map(_version, _PACKAGES)]).encode())
    for folder in (Path(__file__).resolve().parents[1], jobs_folder):
        for file in sorted(path for path in folder.rglob("*") if path.suffix in _KINDS):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a cluster's own Spark is no package of the environment
        return "unknown"
