"""nbval's kernel, watched: it is stopped at its limits of time, output and memory."""

import os
import re
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import Empty

import zmq
from nbval.kernel import RunningKernel

from gdcourse.grading.sandbox import MB, Limits
from gdcourse.student import STOPPED

MANY = 100_000  # files, of about 1 kB of memory each


class Stopped(Exception):
    """The kernel was stopped; ``verdict`` says how the notebook's result counts."""

    def __init__(self, verdict, text):
        super().__init__(text)
        self.verdict = verdict


class Kernel(RunningKernel):
    """nbval's kernel with limits: of time, for a cell and in all, of a cell's output, of memory. Raises Stopped."""

    limits = Limits()

    def __init__(self, *args, **kwargs):
        self.waiting = {"shell": deque(), "iopub": deque()}
        self.bytes = self.messages = self.next_look = 0
        self.end = self.deadline = None
        super().__init__(*args, **kwargs)
        self.end = time.monotonic() + self.limits.notebook_seconds

    def start_cell(self):
        self.bytes = self.messages = 0
        self.deadline = min(self.end, time.monotonic() + self.limits.cell_seconds)

    def get_message(self, stream, timeout=None):
        """The next message; while a cell runs only its own deadline counts, not nbval's ``timeout``."""
        until = self.deadline or time.monotonic() + timeout
        while not self.waiting[stream]:
            left = until - time.monotonic()
            if left <= 0:
                if self.deadline is None:
                    raise Empty
                raise self.out_of_time()
            if not self.receive(min(left, 0.2)) and not self.is_alive():
                raise Stopped("crashed", "Python died here: does it call exit, or fill the memory?")
            self.look_at_memory()
        return self.waiting[stream].popleft()

    def out_of_time(self):
        of = self.limits.notebook_seconds if self.deadline == self.end else self.limits.cell_seconds
        return Stopped("timeout", STOPPED["KeyboardInterrupt"].format(f"{of:g}"))

    def look_at_memory(self):
        """Each process has its ceiling; here all of them together have one."""
        if time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + 0.5
            if in_memory(self.km.provisioner.pid) > 2 * self.limits.memory:
                raise Stopped("crashed", f"took more than {2 * self.limits.memory // MB:,} MB of memory.")
            if files_of(self.km.provisioner.pid) > MANY:
                raise Stopped("crashed", f"made more than {MANY:,} files.")

    def receive(self, timeout):
        """Take in what has come on both channels, within ``timeout`` seconds; whether anything had."""
        poller, sockets = zmq.Poller(), {}
        for stream in self.waiting:
            socket = getattr(self.kc, f"{stream}_channel").socket
            sockets[socket] = stream
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(1000 * timeout))
        for socket in ready:
            self.take(sockets[socket], socket.recv_multipart())
        return bool(ready)

    def take(self, stream, frames):
        self.bytes += sum(map(len, frames))
        self.messages += 1
        if self.bytes > self.limits.output:
            raise Stopped("crashed", f"printed more than {self.limits.output / MB:.3g} MB.")
        if self.messages > self.limits.messages:
            raise Stopped("crashed", f"printed more than {self.limits.messages:,} times.")
        with suppress(Exception):  # a forged message; the honest ones can be read
            message = self.kc.session.deserialize(self.kc.session.feed_identities(frames)[1])
            if isinstance(message["content"], dict) and isinstance(message["parent_header"], dict):
                self.waiting[stream].append(message)


def in_memory(pid):
    """Bytes in memory, their own or shared, of the process ``pid`` and of all below it."""
    total, todo = 0, [pid]
    while todo:
        sizes = [0]
        for thread in threads(todo.pop()):
            with suppress(OSError):  # it has just ended
                todo += (thread / "children").read_text().split()
                sizes.append(resident((thread / "status").read_text()))
        total += max(sizes)  # of a first thread that has ended nothing is shown, though others go on
    return total


def files_of(pid):
    """How many files lie in the sandbox's folders in memory, whose size does not count empty ones."""
    total = 0
    with suppress(OSError):  # it has just ended
        children = [k for thread in threads(pid) for k in (thread / "children").read_text().split()]
        for place in [f"/proc/{child}/root/{name}" for child in children for name in ("tmp", "dev/shm")]:
            if not os.path.samefile(place, place.partition("root")[2]):  # as it is without a sandbox
                about = os.statvfs(place)
                total += about.f_files - about.f_ffree
    return total


def threads(pid):
    """The folders below /proc of the threads of a process."""
    with suppress(OSError):  # it has just ended
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def resident(status):
    """Bytes in memory but for files, by the ``status`` of a thread's process."""
    return 1024 * sum(map(int, re.findall(r"^Rss(?:Anon|Shmem):\s*(\d+)", status, re.MULTILINE)))
