"""The system calls that a learner's program is denied: they hold memory that no limit of the sandbox counts.

RLIMIT_AS counts addresses, and the grader looks at the pages that are mapped. What these calls make lives on without
any address: files in memory and System V's objects, rings, pages in a pipe, what hangs on a file, large buffers of
sockets, and anonymous memory that processes share. Honest answers share memory in files, below /dev/shm, which has a
size.

The filter is a program of the kernel's classic BPF: for each call it looks at the architecture, the number and the
arguments. See the kernel's Documentation/userspace-api/seccomp_filter.rst, ``man 2 seccomp`` and <linux/audit.h>.
"""

import errno
import platform
import struct

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # what the kernel calls them
DENIED = {  # name: the numbers on these machines
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "io_uring_setup": (425, 425),
    "vmsplice": (316, 75),
    "bpf": (321, 280),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
}
DENIED_IF = {  # name: (the numbers, an argument's place, bits that are looked at, what they must not be)
    "mmap with MAP_SHARED and MAP_ANONYMOUS": ((9, 222), 3, 0x21, 0x21),
    "setsockopt with SO_SNDBUF": ((54, 208), 2, 0xFF, 7),
    "setsockopt with SO_RCVBUF": ((54, 208), 2, 0xFF, 8),
}
X32 = 0x40000000  # numbers from here on are another table of x86_64
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # BPF's instructions
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where the kernel shows them to the filter


def step(code, value, then=0, otherwise=0):
    """One instruction; a comparison skips ``then`` or ``otherwise`` of the next ones."""
    return struct.pack("=HBBI", code, then, otherwise, value)


ALLOW = step(RETURN, 0x7FFF0000)
DENY = step(RETURN, 0x00050000 | errno.EPERM)


def program(machine=None):
    """The filter as bytes for ``machine``, which is this one; none where the numbers of its calls are not above."""
    machine = machine or platform.machine()
    if machine not in MACHINES:
        return b""
    column = list(MACHINES).index(machine)
    steps = [step(LOAD, ARCHITECTURE), step(EQUAL, MACHINES[machine], then=1), DENY]
    steps += [step(LOAD, NUMBER), step(AT_LEAST, X32, otherwise=1), DENY]
    for numbers in DENIED.values():
        steps += [step(EQUAL, numbers[column], otherwise=1), DENY]
    for numbers, place, bits, value in DENIED_IF.values():
        steps += [step(EQUAL, numbers[column], otherwise=5)]
        steps += [step(LOAD, ARGUMENTS + 8 * place), step(AND, bits), step(EQUAL, value, otherwise=1), DENY]
        steps += [step(LOAD, NUMBER)]
    return b"".join([*steps, ALLOW])
