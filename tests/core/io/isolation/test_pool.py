from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import StudyError
from core.io.isolation import Decoded, Pool
from core.io.isolation import pool as pool_module
from core.io.limits import GIB, MIB, Limits
from tests.core.io.isolation import misbehaving

ROOT = Path(__file__).resolve().parents[4]
LIMITS = Limits(max_decoding_seconds=20)
IS_LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[Pool]:
    pool = Pool(2)
    yield pool
    pool.close()


def ask(pool: Pool, decoder: Any, content: bytes = b"\1\2\3", *, limits: Limits = LIMITS, **options: Any) -> Decoded:
    return pool.decode(decoder, content, limits=limits, max_result_bytes=2**16, **options)


def refusal(pool: Pool, decoder: Any, **options: Any) -> StudyError:
    with pytest.raises(StudyError) as caught:
        ask(pool, decoder, **options)
    return caught.value


def is_running(pid: int) -> bool:
    """Whether a process is there, also as one that has ended and was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestAnswers:
    def test_pixels_and_facts_come_back(self, shared_pool: Pool) -> None:
        decoded = ask(shared_pool, misbehaving.obey, b"\1\2\3", factor=5)
        assert decoded.pixels is not None
        assert decoded.pixels.tolist() == [[5, 10, 15]]
        assert decoded.facts["pid"] != os.getpid()

    def test_one_worker_answers_again_and_again(self, shared_pool: Pool) -> None:
        assert len({ask(shared_pool, misbehaving.obey).facts["pid"] for _ in range(5)}) == 1

    def test_a_refusal_keeps_its_words(self, shared_pool: Pool) -> None:
        error = refusal(shared_pool, misbehaving.refuse)
        assert (error.message, error.hint, error.code) == ("Nothing to see.", "Look elsewhere.", "made-up")

    def test_words_of_other_failures_stay_in_the_worker(
        self, shared_pool: Pool, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = refusal(shared_pool, misbehaving.fail)
        assert error.code == "damaged-pixel-data"
        assert "Zebedee" not in str(error) + caplog.text
        assert "RuntimeError" in caplog.text

    def test_what_decoders_print_does_no_harm(self, shared_pool: Pool) -> None:
        assert ask(shared_pool, misbehaving.print_first, b"\7").pixels.tolist() == [[7]]

    def test_big_pixels_come_back_whole(self, shared_pool: Pool) -> None:
        content = np.random.default_rng(1).bytes(5 * MIB)
        decoded = shared_pool.decode(misbehaving.obey, content, limits=LIMITS, max_result_bytes=5 * MIB)
        assert decoded.pixels.tobytes() == content


class TestAccidents:
    @pytest.mark.parametrize("decoder", [misbehaving.crash, misbehaving.give_up, misbehaving.leave])
    def test_a_crash_is_an_error_and_the_next_file_gets_a_new_worker(self, shared_pool: Pool, decoder: Any) -> None:
        before = ask(shared_pool, misbehaving.obey).facts["pid"]
        assert refusal(shared_pool, decoder).code == "decoder-crashed"
        after = ask(shared_pool, misbehaving.obey).facts["pid"]
        assert after != before
        assert not is_running(before)

    @pytest.mark.parametrize("decoder", [misbehaving.hang, misbehaving.hang_in_c])
    def test_a_decoder_that_hangs_is_stopped(self, shared_pool: Pool, decoder: Any) -> None:
        before = ask(shared_pool, misbehaving.obey).facts["pid"]
        error = refusal(shared_pool, decoder, limits=Limits(max_decoding_seconds=0.5))
        assert (error.code, "0.5 s" in error.message) == ("decoding-timeout", True)
        assert not is_running(before)
        assert ask(shared_pool, misbehaving.obey).pixels is not None

    @pytest.mark.skipif(not IS_LINUX, reason="only Linux bounds the memory of a process")
    def test_a_decoder_that_eats_memory_is_refused_it(self, shared_pool: Pool) -> None:
        error = refusal(shared_pool, misbehaving.eat_memory, limits=Limits(max_decoding_bytes=GIB // 4))
        assert error.code == "decoding-out-of-memory"
        assert "0.25 GiB" in error.message
        # The limit is that of one request.
        assert ask(shared_pool, misbehaving.obey).pixels is not None

    @pytest.mark.parametrize("decoder", [misbehaving.answer_at_length, misbehaving.babble])
    def test_a_reply_that_was_not_agreed_upon_ends_the_worker(self, shared_pool: Pool, decoder: Any) -> None:
        before = ask(shared_pool, misbehaving.obey).facts["pid"]
        assert refusal(shared_pool, decoder).code == "decoder-crashed"
        assert not is_running(before)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows does not bound files")
    def test_a_decoder_cannot_write_files(self, shared_pool: Pool, tmp_path: Path) -> None:
        assert refusal(shared_pool, misbehaving.write_a_file, path=str(tmp_path / "file")).code == "damaged-pixel-data"
        assert (tmp_path / "file").stat().st_size == 0

    def test_a_worker_that_was_killed_while_idle_is_replaced(self, shared_pool: Pool) -> None:
        ask(shared_pool, misbehaving.obey)
        for pid in (killed := shared_pool.pids):
            os.kill(pid, 9)
        time.sleep(0.1)
        assert ask(shared_pool, misbehaving.obey).facts["pid"] not in killed
        assert not any(map(is_running, killed))

    def test_a_reply_that_was_not_read_to_its_end_ends_the_worker(
        self, shared_pool: Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = ask(shared_pool, misbehaving.obey).facts["pid"]

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(pool_module.wire, "receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                ask(shared_pool, misbehaving.obey)
        assert not is_running(before)
        assert ask(shared_pool, misbehaving.obey, b"\5").pixels.tolist() == [[5]]

    def test_no_process_to_be_had_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError("fork: out of memory")

        monkeypatch.setattr(pool_module.subprocess, "Popen", refuse)
        assert refusal(Pool(1), misbehaving.obey).code == "decoder-unavailable"


class TestThreads:
    def test_many_threads_get_their_own_answers(self) -> None:
        pool = Pool(2)
        with ThreadPoolExecutor(8) as threads:
            decoded = list(threads.map(lambda number: ask(pool, misbehaving.obey, bytes([number])), range(60)))
        assert [int(one.pixels[0, 0]) for one in decoded] == list(range(60))
        assert len({one.facts["pid"] for one in decoded}) <= 2
        pool.close()

    def test_a_crash_beside_does_not_disturb(self) -> None:
        pool = Pool(2)
        errors: list[str] = []
        crashing = threading.Thread(
            target=lambda: errors.extend(refusal(pool, misbehaving.crash).code for _ in range(3))
        )
        crashing.start()
        values = [int(ask(pool, misbehaving.obey, bytes([number])).pixels[0, 0]) for number in range(20)]
        crashing.join()
        assert (values, errors) == (list(range(20)), ["decoder-crashed"] * 3)
        pool.close()


class TestLife:
    def test_no_worker_before_it_is_needed(self) -> None:
        assert Pool(2).pids == ()

    def test_preparing_starts_one_and_does_not_wait(self) -> None:
        pool = Pool(2)
        pool.prepare(misbehaving.obey)
        pool.prepare(misbehaving.obey)
        (prepared,) = pool.pids
        assert ask(pool, misbehaving.obey).facts["pid"] == prepared
        pool.close()

    def test_closing_leaves_no_process(self) -> None:
        pool = Pool(2)
        pid = ask(pool, misbehaving.obey).facts["pid"]
        pool.close()
        assert not is_running(pid)
        # A pool can be used again.
        assert ask(pool, misbehaving.obey).facts["pid"] != pid
        pool.close()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
    def test_a_forked_process_has_workers_of_its_own(self) -> None:
        program = f"""{ASK}
import os, sys
mine = ask()
child = os.fork()
if child == 0:
    theirs = ask()
    sys.exit(theirs == mine)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ask() == mine)
"""
        assert finished(program) == (0, "0 True", "")

    @pytest.mark.parametrize(
        ("last_line", "status"),
        [("", 0), ("raise SystemExit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9)],
    )
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
    def test_workers_go_with_the_application_however_it_ends(self, last_line: str, status: int) -> None:
        *ended, errors = finished(f"{ASK}\nprint(ask(), flush=True)\n{last_line}")
        assert (ended[0], errors) == (status, "")
        assert goes_soon(int(ended[1]))

    def test_a_worker_knows_no_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIGHTBOX_COOKIE_SECRET", "hush")
        pool = Pool(1)
        assert "hush" not in ask(pool, misbehaving.tell_environment).facts.values()
        pool.close()


ASK = """
from core.io.isolation import decode_apart
from core.io.limits import Limits
from tests.core.io.isolation import misbehaving

def ask():
    return decode_apart(misbehaving.obey, b"1", limits=Limits(), max_result_bytes=100).facts["pid"]
"""


def finished(program: str) -> tuple[int, str, str]:
    """Run a program that uses the pool of its process; return its exit status and what it wrote."""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return ended.returncode, ended.stdout.strip(), ended.stderr


def goes_soon(pid: int) -> bool:
    """Wait up to five seconds for a process that nobody waits for to end; a zombie of another parent has ended."""
    status = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        if not is_running(pid) or (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"):
            return True
        time.sleep(0.05)
    return False
