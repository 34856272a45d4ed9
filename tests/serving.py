"""Starting a Streamlit server as a user would, for the browser tests and the benchmarks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PRIVATE_PREFIXES = ("STREAMLIT_", "LIGHTBOX_", "PYTEST_")
"""Settings of whoever runs the tests, which must not reach the server."""


class ServerError(RuntimeError):
    """The server did not come up; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `started` is the reading of `time.perf_counter` just before its process was made."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_text(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def serve(
    script: Path,
    *,
    folder: Path,
    checkout: Path = CHECKOUT,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 180,
) -> Iterator[Server]:
    """Run `streamlit run script` on a free port of this machine until the block is left.

    Parameters
    ----------
    script : Path
    folder : Path
        Empty folder for the server's log and home.
    checkout : Path
        Working directory, whose `.streamlit/config.toml` applies.
    environment : mapping of str to str, optional
        Variables on top of a clean environment.
    timeout_s : float
        How long it may take to answer.

    Raises
    ------
    ServerError
        It stopped, or did not answer in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as stream:
        started = time.perf_counter()
        process = subprocess.Popen(
            _command(script, port),
            cwd=checkout,
            env=clean_environment(folder) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    server = Server(port, process, log, started)
    try:
        _wait_for_health(server, timeout_s)
        yield server
    finally:
        _stop(process)


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def clean_environment(home: Path) -> dict[str, str]:
    """Return the environment without the caller's own settings, and with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE_PREFIXES)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _command(script: Path, port: int) -> list[str]:
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(script), *flags]


def _wait_for_health(server: Server, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not server.is_healthy():
        if server.process.poll() is not None:
            raise ServerError(f"the server stopped with status {server.process.returncode}:\n{server.log_text()}")
        if time.monotonic() > deadline:
            raise ServerError(f"the server did not answer within {timeout_s:.0f} s:\n{server.log_text()}")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
