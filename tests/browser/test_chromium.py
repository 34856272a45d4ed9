"""The search for a browser, on computers that are made up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.browser.chromium import Machine, NoBrowserError, Ran, find_chromium, reason_in, run_command

DOWNLOAD = "/cache/playwright/chrome"


@dataclass
class Computer:
    """A made-up computer: which files exist, which start, and what each command brings about."""

    files: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    effects: Mapping[str, Callable[[Computer], Ran]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def which(self, name: str) -> str | None:
        return next((path for path in sorted(self.files) if path == f"/usr/bin/{name}"), None)

    def run(self, command: Sequence[str]) -> Ran:
        line = " ".join(command).replace(sys.executable, "python")
        if command[1:] == ["--version"]:
            return Ran(1 if command[0] in self.broken else 0)
        self.commands.append(line)
        effect = next((effect for words, effect in self.effects.items() if words in line), None)
        return effect(self) if effect else Ran(None, "command not found")

    def machine(
        self,
        *,
        system: str = "Linux",
        distribution: str = "debian",
        is_root: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Machine:
        return Machine(
            system=system,
            distribution=distribution,
            is_root=is_root,
            environment=environment or {},
            which=self.which,
            is_file=self.files.__contains__,
            run=self.run,
            playwright_executable=lambda: DOWNLOAD,
        )


def bringing(*paths: str, mending: Iterable[str] = ()) -> Callable[[Computer], Ran]:
    def effect(computer: Computer) -> Ran:
        computer.files.update(paths)
        computer.broken.difference_update(mending)
        return Ran(0)

    return effect


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
def test_takes_the_browser_on_the_path(name: str) -> None:
    computer = Computer(files={f"/usr/bin/{name}"})
    assert str(find_chromium(computer.machine())) == f"/usr/bin/{name}"
    assert computer.commands == []


@pytest.mark.parametrize(
    ("system", "path"),
    [
        ("Darwin", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
        ("Darwin", "/Users/someone/Applications/Chromium.app/Contents/MacOS/Chromium"),
        ("Windows", r"C:\Program Files\Google\Chrome\Application\chrome.exe"),
        ("Windows", r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"),
    ],
)
def test_knows_the_usual_places(system: str, path: str) -> None:
    environment = {
        "HOME": "/Users/someone",
        "PROGRAMFILES": r"C:\Program Files",
        "PROGRAMFILES(X86)": r"C:\Program Files (x86)",
    }
    machine = Computer(files={path}).machine(system=system, distribution="", environment=environment)
    assert str(find_chromium(machine)) == path


def test_the_named_browser_comes_first() -> None:
    computer = Computer(files={"/usr/bin/chromium", "/opt/mine"})
    assert str(find_chromium(computer.machine(environment={"LIGHTBOX_CHROMIUM": "/opt/mine"}))) == "/opt/mine"


def test_a_named_browser_that_does_not_start_is_an_error() -> None:
    computer = Computer(files={"/usr/bin/chromium"})
    with pytest.raises(NoBrowserError, match="/opt/gone"):
        find_chromium(computer.machine(environment={"LIGHTBOX_CHROMIUM": "/opt/gone"}))


def test_a_stub_is_passed_over() -> None:
    computer = Computer(files={"/usr/bin/chromium-browser", DOWNLOAD}, broken={"/usr/bin/chromium-browser"})
    assert str(find_chromium(computer.machine(distribution="ubuntu"))) == DOWNLOAD


def test_an_earlier_download_is_used_again() -> None:
    computer = Computer(files={DOWNLOAD})
    assert str(find_chromium(computer.machine())) == DOWNLOAD
    assert computer.commands == []


def test_root_on_debian_installs_the_package() -> None:
    computer = Computer(
        files={"/usr/bin/apt-get"},
        effects={"-q update": bringing(), "install -y": bringing("/usr/bin/chromium")},
    )
    assert str(find_chromium(computer.machine())) == "/usr/bin/chromium"
    assert [command.split("apt-get ")[1] for command in computer.commands] == [
        "-q update",
        "-q install -y --no-install-recommends chromium fonts-liberation",
    ]


def test_an_update_that_fails_does_not_stop_the_installation() -> None:
    computer = Computer(
        files={"/usr/bin/apt-get"},
        effects={"-q update": lambda _: Ran(100, "no route"), "install -y": bringing("/usr/bin/chromium")},
    )
    assert str(find_chromium(computer.machine())) == "/usr/bin/chromium"


def test_sudo_without_a_password_is_used() -> None:
    computer = Computer(
        files={"/usr/bin/apt-get", "/usr/bin/sudo"},
        effects={"sudo -n true": bringing(), "-q update": bringing(), "install -y": bringing("/usr/bin/chromium")},
    )
    find_chromium(computer.machine(is_root=False))
    assert all(command.startswith("sudo -n ") for command in computer.commands)


def test_without_root_playwright_downloads() -> None:
    computer = Computer(files={"/usr/bin/apt-get"}, effects={"playwright install chromium": bringing(DOWNLOAD)})
    assert str(find_chromium(computer.machine(is_root=False))) == DOWNLOAD
    assert computer.commands == ["python -m playwright install chromium"]


def test_a_download_without_its_libraries_is_completed() -> None:
    computer = Computer(
        broken={DOWNLOAD},
        effects={
            "playwright install chromium": bringing(DOWNLOAD),
            "install-deps chromium": bringing(mending=[DOWNLOAD]),
        },
    )
    assert str(find_chromium(computer.machine(distribution="ubuntu"))) == DOWNLOAD


def test_ubuntu_never_waits_for_its_snap() -> None:
    computer = Computer(files={"/usr/bin/apt-get"}, effects={"playwright install chromium": bringing(DOWNLOAD)})
    find_chromium(computer.machine(distribution="ubuntu"))
    assert not any("apt-get" in command for command in computer.commands)


def test_failure_says_what_was_tried() -> None:
    computer = Computer(
        files={"/usr/bin/apt-get", "/usr/bin/chromium"},
        broken={"/usr/bin/chromium"},
        effects={
            "-q update": lambda _: Ran(100, "E: no network"),
            "install -y": lambda _: Ran(100, "E: Unable to locate package chromium"),
            "playwright install": lambda _: Ran(1, "getaddrinfo ENOTFOUND"),
        },
    )
    with pytest.raises(NoBrowserError) as caught:
        find_chromium(computer.machine())
    message = str(caught.value)
    for words in (
        "google-chrome",
        "/usr/bin/chromium: there, but it does not start",
        "Unable to locate package chromium",
        "getaddrinfo ENOTFOUND",
        "LIGHTBOX_CHROMIUM",
    ):
        assert words in message


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Downloading\nError: getaddrinfo ENOTFOUND host\n  at here\n}\n", "Error: getaddrinfo ENOTFOUND host"),
        ("Reading lists\nE: Unable to locate package chromium\n", "E: Unable to locate package chromium"),
        ("one\ntwo\n\n", "two"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_found_in_what_a_command_wrote(output: str, reason: str) -> None:
    assert reason_in(output) == reason


def test_a_program_that_is_missing_is_an_answer() -> None:
    ran = run_command(["/nowhere/at-all"])
    assert (ran.status, ran.succeeded) == (None, False)
    assert "/nowhere/at-all" in ran.reason
