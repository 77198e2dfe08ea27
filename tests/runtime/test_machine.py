"""What is asked of a machine: its Python, its Java, room on its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from linnaeus.runtime import machine
from tests.runtime.java import fake_java, version_text


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12)])
def test_python_that_can_be_used(version: tuple[int, int]) -> None:
    machine.check_python(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 13)])
def test_python_that_cannot_be_used(version: tuple[int, int]) -> None:
    with pytest.raises(machine.WrongMachineError, match=rf"Python {version[0]}\.{version[1]} .* can't be used"):
        machine.check_python(version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('java version "1.8.0_292"', 8),
        (version_text("11.0.2"), 11),
        (version_text("17.0.15"), 17),
        (version_text("21"), 21),
        ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n" + version_text("17.0.1"), 17),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ("no such command", None),
        ("", None),
    ],
)
def test_java_version_is_read(text: str, expected: int | None) -> None:
    assert machine.parse_java_version(text) == expected


def test_right_java_by_java_home_goes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_java(tmp_path / "new", version_text("17.0.15"))
    old = fake_java(tmp_path / "old", version_text("11.0.2"))
    monkeypatch.setenv("PATH", str(old.parent), prepend=":")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert machine.check_java() == 17


def test_too_little_free_disk(tmp_path: Path) -> None:
    with pytest.raises(machine.BootstrapError, match=r"has .* GB free .* free some space"):
        machine.check_disk(tmp_path, needed=1 << 60)
    machine.check_disk(tmp_path, needed=1)
