"""A page in a real browser, without a window: its document after a script has acted on it, and what it complains of."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

COLLECT = """
window.seen = { errors: [], told: {} };
window.addEventListener("error", (event) => seen.errors.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => seen.errors.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => seen.errors.push("policy: " + event.violatedDirective));
"""
ACT = """
window.addEventListener("load", () => setTimeout(async () => {
  const told = seen.told;
  const $ = (words) => document.querySelector(words);
  const key = (name, more) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
  try { %s } catch (error) { seen.errors.push(String(error)); }
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
}, 300));
"""


@dataclass(frozen=True)
class Visit:
    """What came of a page."""

    told: dict[str, Any]
    """What the script has noted."""
    errors: list[str]
    console: list[str]
    """Lines that the browser wrote about the page."""


def find() -> str:
    """The browser; where there is none the test is skipped, but not in CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        words = f"no browser of {', '.join(NAMES)}"
        if os.environ.get("CI"):
            pytest.fail(f"{words}, though CI is to have one")
        pytest.skip(words)
    return found


def visit(page: str, folder: Path, script: str, *, dark: bool = False, width: int = 1400) -> Visit:
    """Open a copy of a page that acts on itself: `script` may write into `told` and use `$` and `key`.

    The copy's policy allows the two scripts that are added, by their hashes, and nothing more.
    """
    added = [COLLECT, ACT % script]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in added)
    assert page.count("script-src ") == 1
    page = page.replace("script-src ", f"script-src {hashes} ")
    page = page.replace("<title>", f"<script>{added[0]}</script><title>", 1)
    page = page.replace("</body>", f"<script>{added[1]}</script></body>", 1)
    path = folder / "visited.html"
    path.write_text(page, encoding="utf-8")
    dom, console = _run(path, folder, dark=dark, width=width)
    result = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert result is not None, console
    seen = json.loads(result[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return Visit(seen["told"], seen["errors"], console)


def complaints(page: str, folder: Path) -> list[str]:
    """What the browser's console says of a page as it is."""
    path = folder / "as-it-is.html"
    path.write_text(page, encoding="utf-8")
    return _run(path, folder)[1]


def _run(path: Path, folder: Path, *, dark: bool = False, width: int = 1400) -> tuple[str, list[str]]:
    command = [
        find(),
        "--headless=new",
        "--no-sandbox",  # CI runs as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},1000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
