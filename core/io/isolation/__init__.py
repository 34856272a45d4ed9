"""Decoding in processes of its own: what hostile pixels can break is a worker, not the application.

The libraries that decompress pictures are written in C and C++. A damaged file can make one crash, run for ever or eat
all memory, and no `except` catches that. So they run in a few worker processes, each with a limit of memory and of
time; a worker that dies is an error for that file, and the next file gets a new one.

    application  ── request: name of a decoder, options, bytes ──▶  worker
                 ◀── reply: facts, pixels; or the words of a refusal ──

Both sides speak JSON and raw bytes, no pickle: a worker that a file has taken over can send wrong pixels, but cannot
make the application run anything.

What NumPy alone turns into pixels (uncompressed DICOM) is decoded where it is: array operations check their bounds,
and a detour would only cost time.
"""

from core.io.isolation.pool import Decoded, Pool, decode_apart, prepare

__all__ = ["Decoded", "Pool", "decode_apart", "prepare"]
