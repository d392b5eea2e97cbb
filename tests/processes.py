"""What runs on this machine, for the tests of what is to end."""

import contextlib
import time
from pathlib import Path


def processes(*words):
    """The command lines of the running processes that hold one of ``words``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [line] * any(word in line for word in words)
    return found


def wait(until, seconds=600):
    """Look again and again, until ``until()`` is true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found
