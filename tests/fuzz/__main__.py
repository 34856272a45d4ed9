"""`python -m tests.fuzz --count 10000 --seed 1`: bring damaged files, and count what becomes of them."""

from __future__ import annotations

import argparse
import sys
import time

from core.io.isolation.pool import close
from tests.fuzz.intake import ACCIDENTS, Tally, peak_mib, run
from tests.fuzz.seeds import seeds
from tests.fuzz.sets import run_sets

OWN_MEMORY_MIB = 2048
DECODER_MEMORY_MIB = 4608
"""`Limits.max_decoding_bytes` and what a process needs for itself."""


def main() -> int:
    """Run, print the counts, and return 1 where anything crashed or memory was not bounded."""
    options = _options()
    numbers = [options.only] if options.only is not None else list(range(options.count))
    print(f"{len(numbers)} mutants of {len(seeds())} files, seed {options.seed}")
    started = time.monotonic()
    tally = Tally()
    step = max(len(numbers) // 20, 1)
    for first in range(0, len(numbers), step):
        _add(tally, run(options.seed, numbers[first : first + step]))
        print(f"{min(first + step, len(numbers))}: {tally.shown} shown, {tally.refused} refused", flush=True)
    if options.only is None:
        count = max(options.count // 10, 1)
        print(f"{count} mutants of a labelled zip and its table")
        _add(tally, run_sets(options.seed, range(count)))
    close()
    return _report(tally, time.monotonic() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="bring this one mutant again")
    return parser.parse_args()


def _add(tally: Tally, part: Tally) -> None:
    tally.shown += part.shown
    tally.refused += part.refused
    tally.codes += part.codes
    tally.crashes += part.crashes
    tally.slowest = max(tally.slowest, part.slowest)


def _report(tally: Tally, seconds: float) -> int:
    for code, count in tally.codes.most_common():
        print(f"{count:8d}  {code}")
    for crash in tally.crashes:
        print(f"CRASH {crash}", file=sys.stderr)
    own, decoder = peak_mib()
    is_bounded = own <= OWN_MEMORY_MIB and decoder <= DECODER_MEMORY_MIB
    print(f"slowest: mutant {tally.slowest[1]}, {tally.slowest[0]:.1f} s; all: {seconds:.0f} s")
    print(f"peak memory: application {own:.0f} MiB, a decoder {decoder:.0f} MiB{'' if is_bounded else ': TOO MUCH'}")
    print(f"decoders that died, hung or ate memory, each replaced: {tally.accidents} ({', '.join(sorted(ACCIDENTS))})")
    print(
        f"{tally.shown + tally.refused + len(tally.crashes)} mutants: {tally.shown} shown, {tally.refused} refused, "
        f"{len(tally.crashes)} crashes, 0 hangs"
    )
    return int(bool(tally.crashes) or not is_bounded)


if __name__ == "__main__":
    sys.exit(main())
