"""What pip and uv say becomes a line, and pip's settings become uv's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from linnaeus.runtime import package_index

PIP = [sys.executable, "-m", "pip"]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying … NewConnectionError\nERROR: No matching distribution found for rich", "can't be reached"),
        ("Temporary failure in name resolution", "can't be reached"),
        ("Collecting rich\nERROR: ResolutionImpossible: for help visit\n\n", "ResolutionImpossible: for help visit"),
        (
            "error: Request failed after 3 retries in 10.9s\n  cause: Failed to fetch: http://127.0.0.1:9/simple/rich/\n"
            "  cause: tcp connect error",
            "can't be reached",
        ),
        (
            "error: Failed to fetch: http://nowhere.invalid/simple/rich/\n  cause: dns error\n"
            "  cause: failed to lookup address information: Name or service not known",
            "can't be reached",
        ),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because there is no version of rich==15.0.99 and you require rich==15.0.99, we can conclude …",
            "lacks a file",
        ),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because you require rich==15.0.0 and rich==14.0.0, we can conclude that …",
            "Because you require rich==15.0.0 and rich==14.0.0",
        ),
        (
            "error: Failed to download `numpy==2.3.5`\n  cause: I/O operation failed during extraction\n"
            "  cause: failed to write to file `x.so`: No space left on device (os error 28)",
            "the disk is full",
        ),
        ("killed by nobody knows whom", "killed by nobody knows whom"),
        ("", "no message"),
    ],
)
def test_what_pip_or_uv_says_becomes_one_line(output: str, expected: str) -> None:
    line = package_index.explain(output, Path("setup.log"))
    assert expected in line and line.endswith("(log: setup.log)") and "\n" not in line


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """An environment that says nothing to pip or uv; no file of the machine does either."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "SSL_"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}


def test_uv_asks_the_index_that_pip_asks(clean: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "pip.conf").write_text(
        f"""
[global]
index-url = https://packages.example/simple
extra-index-url = https://one.example/simple
    https://two.example/simple
cert = /etc/own.pem
trusted-host = one.example
find-links = {tmp_path}/wheels {tmp_path}/gone https://more.example/wheels
timeout = 60
[install]
timeout = 90
[download]
timeout = 7
"""
    )
    own = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_RETRIES": "1", "PIP_CERT": "/etc/other.pem"}
    assert package_index.uv_settings(PIP, clean | own) == {
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INSECURE_HOST": "one.example",
        "UV_FIND_LINKS": f"{tmp_path}/wheels,https://more.example/wheels",
        "UV_HTTP_TIMEOUT": "90",
        "UV_HTTP_RETRIES": "1",
        "SSL_CERT_FILE": "/etc/other.pem",
    }


def test_what_uv_was_told_itself_goes_before(clean: dict[str, str]) -> None:
    told = {
        **clean,
        "PIP_INDEX_URL": "https://packages.example/simple",
        "UV_DEFAULT_INDEX": "https://own.example/simple",
    }
    assert package_index.uv_settings(PIP, told) == {}


@pytest.mark.parametrize(("value", "expected"), [("1", {"UV_NO_INDEX": "1"}), ("0", {})])
def test_no_index(clean: dict[str, str], value: str, expected: dict[str, str]) -> None:
    assert package_index.uv_settings(PIP, {**clean, "PIP_NO_INDEX": value}) == expected


def test_a_pip_that_does_not_answer_has_no_settings(clean: dict[str, str]) -> None:
    assert package_index.uv_settings([sys.executable, "-c", "raise SystemExit(1)"], clean) == {}


def test_the_users_cache_of_uv_is_where_uv_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert package_index.user_cache() == tmp_path / ".cache" / "uv"
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert package_index.user_cache() == Path("/caches/uv")
    monkeypatch.setenv("UV_CACHE_DIR", "/own")
    assert package_index.user_cache() == Path("/own")
