"""A headless Chromium, spoken to by the WebDriver protocol (w3.org/TR/webdriver2) over HTTP: no package is needed."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests import missing
from tests.patience import PATIENCE

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015"}


# As root in a container, without a display; nothing is asked of the network.
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --hide-scrollbars --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


class Browser:
    """A window, with a profile in an empty folder."""

    def __init__(self, address: str, profile: str, width: int, height: int, dark: bool) -> None:
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self._address = address
        self._session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", {"features": [scheme]})

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        """One of Chromium's own."""
        return self._of_session("/goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width: int, height: int) -> None:
        """Make the page as large, in pixels; a real window would not be narrower than 500."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._command("Emulation.setDeviceMetricsOverride", size)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())["value"]

    def _of_session(self, path: str, body: dict[str, Any], method: str = "POST") -> Any:
        return self._ask(method, f"/session/{self._session}{path}", body)

    def open(self, file: Path, fragment: str = "") -> None:
        """Load a file, anew even where it is shown already."""
        self._of_session("/url", {"url": "about:blank"})
        self._of_session("/url", {"url": file.resolve().as_uri() + fragment})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function's body returns in the page."""
        return self._of_session("/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, x: float, y: float) -> None:
        """Move there (pixels of the window) and press."""
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}
        steps = [move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._of_session("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def move(self, x: float, y: float) -> None:
        """Move there and no more."""
        steps = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        self._of_session("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def click_on(self, selector: str) -> None:
        """Press the middle of the first element of a selector; where that leads to another part, be there."""
        *place, is_link = self.run(_MIDDLE, selector)
        self.click(*place)
        if is_link:
            self._of_session("/execute/async", {"script": _WHEN_THERE, "args": []})

    def type(self, keys: Sequence[str]) -> None:
        """Press keys one after the other, by their names in `KEYS` or as they are."""
        steps = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._of_session("/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def complaints(self) -> list[str]:
        """What was written on the console since the last call: errors, and what the page's policy has stopped."""
        return [one["message"] for one in self._of_session("/se/log", {"type": "browser"})]

    def picture(self) -> str:
        """The window as PNG, base64."""
        return str(self._ask("GET", f"/session/{self._session}/screenshot"))

    def close(self) -> None:
        """End it."""
        self._ask("DELETE", f"/session/{self._session}")


_MIDDLE = """
const element = document.querySelector(arguments[0]);
element.scrollIntoView({ block: "center" });
const box = element.getBoundingClientRect();
const link = element.closest("a[href^='#']");
const isLink = link !== null && link.hash !== location.hash;
window.isThere = !isLink;
// A press is answered before the page hears of the new address. Ours listens after the page's own listeners.
if (isLink) addEventListener("hashchange", () => { window.isThere = true; }, { once: true });
return [box.left + box.width / 2, box.top + box.height / 2, isLink];
"""
_WHEN_THERE = """
const done = arguments[0];
const look = () => (window.isThere ? done() : setTimeout(look, 10));
look();
"""


@contextlib.contextmanager
def browser(width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Browser]:
    """A window of that size; the test is skipped where no Chromium is installed, and fails where CI=true."""
    driver = shutil.which("chromedriver")
    if driver is None or not any(map(shutil.which, ("chromium", "google-chrome", "chrome"))):
        missing.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/status")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            window = Browser(f"http://127.0.0.1:{port}", profile, width, height, dark)
            try:
                yield window
            finally:
                window.close()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(address: str, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
