"""Finding a Chromium for the browser tests, or getting one.

In this order: the one that `LIGHTBOX_CHROMIUM` names, the system's own, what Playwright downloaded before, Debian's
package where it may be installed, Playwright's download. What was tried is kept for the message of the failure.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
)
PLACES: Mapping[str, tuple[str, ...]] = {
    "Linux": ("/usr/lib/chromium/chromium", "/opt/google/chrome/chrome", "/snap/bin/chromium"),
    "Darwin": (
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        "~/Applications/Chromium.app/Contents/MacOS/Chromium",
        "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
    "Windows": (
        r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
        r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
        r"%LocalAppData%\Chromium\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
        r"%ProgramFiles%\Microsoft\Edge\Application\msedge.exe",
    ),
}
INSTALL_TIMEOUT_S = 600
PACKAGES = ("chromium", "fonts-liberation")
"""Without recommended packages Debian's Chromium comes without any font."""


class NoBrowserError(RuntimeError):
    """No browser was found and none could be installed; the message lists what was tried."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit status (None: it could not be run), and its reason where it failed."""

    status: int | None
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status == 0


def run_command(command: Sequence[str]) -> Ran:
    """Run a command to its end; a missing program or a timeout is an answer too."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(None, str(error))
    return Ran(ended.returncode, reason_in(ended.stdout) if ended.returncode else "")


def reason_in(output: str) -> str:
    """Return the first line that speaks of an error ("E: …" is apt's way), else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = (line for line in lines if re.match(r"E: |.*\b[Ee]rror\b", line))
    return next(errors, lines[-1] if lines else "it said nothing")


def playwright_executable() -> str:
    """Return where Playwright keeps the Chromium that it downloads, whether or not it has."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def linux_distribution() -> str:
    """Return the ID of os-release ("debian"), or an empty string."""
    try:
        return platform.freedesktop_os_release()["ID"]
    except (OSError, KeyError):
        return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the search asks of the computer it runs on; tests put their own answers in its place."""

    system: str = field(default_factory=platform.system)
    distribution: str = field(default_factory=linux_distribution)
    is_root: bool = field(default_factory=lambda: getattr(os, "geteuid", lambda: -1)() == 0)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    which: Callable[[str], str | None] = shutil.which
    is_file: Callable[[str], bool] = os.path.isfile
    run: Callable[[Sequence[str]], Ran] = run_command
    playwright_executable: Callable[[], str] = playwright_executable

    def starts(self, path: str) -> bool:
        """Whether the program answers to --version: Ubuntu's `chromium-browser` may be a stub that asks for a snap.

        On Windows the flag would open a window, and there are no such stubs.
        """
        return self.is_file(path) and (self.system == "Windows" or self.run([path, "--version"]).succeeded)


def find_chromium(machine: Machine | None = None) -> Path:
    """Return the path of a Chromium (or Chrome, or Edge) that starts, installing one where there is none.

    Raises
    ------
    NoBrowserError
        There is none and none could be installed.
    """
    machine = machine or Machine()
    tried: list[str] = []
    for source in (_named, _of_the_system, _of_playwright, _debian_package, _playwright_download):
        path = source(machine, tried)
        if path:
            return Path(path)
    raise NoBrowserError(
        "The browser tests need Chromium, Chrome or Edge, and none could be had. Tried:\n"
        + "".join(f"  - {attempt}\n" for attempt in tried)
        + "Install one, or set LIGHTBOX_CHROMIUM to the path of its program."
    )


def _named(machine: Machine, tried: list[str]) -> str | None:
    path = machine.environment.get("LIGHTBOX_CHROMIUM")
    if not path:
        return None
    if machine.starts(path):
        return path
    raise NoBrowserError(f"LIGHTBOX_CHROMIUM names {path}, which does not start.")


def _of_the_system(machine: Machine, tried: list[str]) -> str | None:
    on_path = [path for name in NAMES if (path := machine.which(name))]
    places = [_expanded(place, machine.environment) for place in PLACES.get(machine.system, ())]
    found = [path for path in [*on_path, *places] if machine.is_file(path)]
    stubs = []
    for path in found:
        if machine.starts(path):
            return path
        stubs.append(path)
    tried.append(f"{', '.join(NAMES)} on PATH" + "".join(f", {place}" for place in places))
    tried.extend(f"{path}: there, but it does not start" for path in stubs)
    return None


def _expanded(place: str, environment: Mapping[str, str]) -> str:
    if place.startswith("~/"):
        return environment.get("HOME", "~") + place[1:]
    # os.environ spells every name in capitals on Windows.
    upper = {name.upper(): value for name, value in environment.items()}
    return re.sub(r"%([^%]+)%", lambda match: upper.get(match[1].upper(), match[0]), place)


def _of_playwright(machine: Machine, tried: list[str]) -> str | None:
    path = machine.playwright_executable()
    return path if machine.starts(path) else None


def _debian_package(machine: Machine, tried: list[str]) -> str | None:
    """Install Debian's package. Ubuntu's of the same name is left alone: it waits for a snap store."""
    if machine.distribution != "debian" or not machine.which("apt-get"):
        tried.append("Debian's package chromium: this is not Debian")
        return None
    prefix = _as_root(machine)
    if prefix is None:
        tried.append("Debian's package chromium: neither root nor sudo without a password")
        return None
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        ended = machine.run([*apt, *arguments])
        # An update may fail for one source of several and the package be there all the same.
        if not ended.succeeded:
            tried.append(f"apt-get {' '.join(arguments)}: {ended.reason}")
    path = machine.which("chromium")
    return path if path and machine.starts(path) else None


def _as_root(machine: Machine) -> list[str] | None:
    if machine.is_root:
        return []
    return ["sudo", "-n"] if machine.which("sudo") and machine.run(["sudo", "-n", "true"]).succeeded else None


def _playwright_download(machine: Machine, tried: list[str]) -> str | None:
    playwright = [sys.executable, "-m", "playwright"]
    ended = machine.run([*playwright, "install", "chromium"])
    if not ended.succeeded:
        tried.append(f"python -m playwright install chromium: {ended.reason}")
        return None
    path = machine.playwright_executable()
    if machine.starts(path):
        return path
    prefix = _as_root(machine) if machine.system == "Linux" else None
    if prefix is not None:
        machine.run([*prefix, *playwright, "install-deps", "chromium"])
        if machine.starts(path):
            return path
    tried.append("Playwright's own download: there, but it does not start (system libraries are missing)")
    return None
