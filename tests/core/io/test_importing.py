from __future__ import annotations

import subprocess
import sys

from tests import made
from tests.serving import CHECKOUT

AT_ONCE = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from core import io

class Slow:
    # Every module of the package takes a while to be found, so that both threads are in the midst of it.
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith(("pydicom", "core.io.dicom")):
            time.sleep(0.005)

sys.meta_path.insert(0, Slow)
start = threading.Barrier(2)

def warm_up():
    start.wait()
    io.warm_up()

def bring():
    start.wait()
    return len(io.load_study([io.Source("a", sys.stdin.buffer.read())]).series)

with ThreadPoolExecutor(2) as pool:
    warming, bringing = pool.submit(warm_up), pool.submit(bring)
    warming.result()
    print(bringing.result())
"""


def test_a_study_that_comes_while_the_readers_are_imported_is_read() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AT_ONCE], cwd=CHECKOUT, input=made.radiograph(64), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout.split()) == (0, [b"1"]), ran.stderr.decode()
