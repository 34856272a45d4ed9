"""A browser, a server and a desk for every worker of the test run.

Everything is scoped to this package, so that Playwright's event loop is gone before the tests of other folders run.
`LIGHTBOX_SCREENSHOTS=FOLDER` keeps a picture of every test's end (and those that tests take in between);
without it only those of failed tests are kept, in `test-results/`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.chromium import NoBrowserError, find_chromium
from tests.browser.desk import Desk
from tests.known_models import NEGATIVE, POSITIVE, POSITIVE_WITHOUT_EVIDENCE, known_spec, write_known_model
from tests.serving import CHECKOUT, Server, serve

FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# Streamlit closes the line of a page that has closed it already, and its server notes that.
LEFT_IN_THE_MIDST = re.compile(
    r"Exception in ASGI application\n(?:.*\n)*?starlette\S*WebSocketDisconnected: Cannot.*\n"
)
SMALL_SCREEN = {"width": 1280, "height": 720}
FOLDER = Path(__file__).parent
TestReport = pytest.TestReport
REPORTS: pytest.StashKey[TestReport] = pytest.StashKey()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents and "chromium_path" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            # A browser on a busy machine misses a moment now and then; what is wrong fails a second time.
            # Whether identity stays where it is gets no second try.
            if item.path.name != "test_identity.py":
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[REPORTS] = report
    return report


@pytest.fixture(scope="session")
def chromium_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a browser, installing one where there is none; the run fails where none can be had."""
    # Workers of one run share this folder's parent: only one of them installs.
    with FileLock(tmp_path_factory.getbasetemp().parent / "chromium.lock"):
        try:
            return find_chromium()
        except NoBrowserError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="package")
def browser(chromium_path: Path) -> Iterator[Browser]:
    is_root = sys.platform != "win32" and os.geteuid() == 0
    flags = [*FLAGS, "--no-sandbox"] if is_root else list(FLAGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the models that ship, two whose answers are known, and a damaged one."""
    root = tmp_path_factory.mktemp("weights")
    for shipped in (CHECKOUT / "weights").glob("*/model.toml"):
        shutil.copytree(shipped.parent, root / shipped.parent.name)
    hand = known_spec("known-hand", ("Fracture", "Effusion"), modality="DX", body_part="HAND")
    foot = known_spec("known-foot", ("Fracture",), modality="DX", body_part="FOOT")
    write_known_model(root, hand, {"Fracture": POSITIVE, "Effusion": NEGATIVE})
    write_known_model(root, foot, {"Fracture": POSITIVE_WITHOUT_EVIDENCE})
    shutil.copytree(root / "known-foot", root / "damaged-foot")
    (root / "damaged-foot" / "model.toml").write_text("format = 1\n", "utf-8")
    return root


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    # All that it writes lies in one folder, where a test looks for what must not be written.
    (folder / "temporary").mkdir()
    environment = {"LIGHTBOX_WEIGHTS": str(weights), "TMPDIR": str(folder / "temporary")}
    with serve(CHECKOUT / "streamlit_app.py", folder=folder, environment=environment) as server:
        yield server


@pytest.fixture
def complaints() -> list[str]:
    """Return what the browser's console says against the application; must be empty when the test ends."""
    return []


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a user's profile for all tests: what Streamlit's program needs to start is loaded and compiled once."""
    context = browser.new_context(viewport=SMALL_SCREEN, accept_downloads=True, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, complaints: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a page of one who has not been here before."""
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.on("console", lambda message: _note(message, complaints))
    page.on("requestfailed", lambda request: _note_request(request.url, request.failure, complaints))
    yield page
    if request.node.stash.get(REPORTS, None) is not None and request.node.stash[REPORTS].failed:
        _keep(page, CHECKOUT / "test-results", request.node.name)
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear()")
    for left in context.pages:
        left.close()
    context.clear_cookies()


@pytest.fixture
def picture(page: Page, server: Server, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that keeps a screenshot under the test's name and a word, where pictures are wanted."""
    wanted = os.environ.get("LIGHTBOX_SCREENSHOTS")

    def take(word: str) -> None:
        if wanted:
            Desk(page, server).wait()
            _keep(page, Path(wanted), f"{request.node.name}-{word}")

    return take


@pytest.fixture
def desk(
    page: Page,
    server: Server,
    complaints: list[str],
    picture: Callable[[str], None],
) -> Iterator[Desk]:
    """Open the first page; afterwards the console must be silent and the server's log without a failure."""
    logged = len(server.log_text())
    desk = Desk(page, server)
    desk.open()
    yield desk
    picture("end")
    # A study that was closed may have had an image on its way, which is refused then.
    is_closed = page.locator(".viewer").count() == 0
    loud = [one for one in complaints if not (is_closed and re.search(r"403 .*/viewer/pixels/", one))]
    assert loud == [], "the browser's console must be silent"
    log = LEFT_IN_THE_MIDST.sub("", server.log_text()[logged:])
    assert not re.search("Traceback|Unforeseen", log), log


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    address = message.location.get("url", "")
    # Opened at the address of a page, Streamlit's program first looks for its server below that address.
    looks_for_server = re.search(r"/\w+/_stcore/(health|host-config)$", address)
    # So the viewer is told, in words for the reader, of an image that cannot be decoded.
    is_told_why = "/viewer/pixels/" in address and "422" in message.text
    if message.type == "error" and not looks_for_server and not is_told_why:
        complaints.append(f"{message.text} ({address})")


def _note_request(url: str, failure: str | None, complaints: list[str]) -> None:
    # Leaving a page aborts what it was still loading.
    if failure != "net::ERR_ABORTED":
        complaints.append(f"{failure}: {url}")


def _keep(page: Page, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}.png")
