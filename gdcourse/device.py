"""The device a computation runs on, its clock and its memory. Derived in "Use one GPU well"."""

import os
import time

import numpy as np
import torch
from torch.profiler import profile

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # torch's profiler says nothing of its own on stderr


def best():
    """The fastest device here: ``cuda``, else ``mps``, else ``cpu``.

    >>> torch.ones(2, device=best()).sum().item()
    2.0
    """
    other = "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device("cuda" if torch.cuda.is_available() else other)


def synchronize(device):
    """Wait until the device has done all that it was given; a CPU is never behind.

    >>> synchronize(best())
    """
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def seconds(f, repeat):
    """The median time of ``f()`` over ``repeat`` calls, after one call to warm up.

    >>> seconds(lambda: torch.ones(10).sum(), repeat=3) > 0
    True
    """
    times = []
    for _ in range(repeat + 1):
        synchronize(best())
        start = time.perf_counter()
        f()
        synchronize(best())
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def peak_memory(f, device):
    """The most bytes that ``f()`` takes at once on the device.

    What was there before the call does not count.

    >>> peak_memory(lambda: torch.zeros(1000), torch.device("cpu"))
    4000
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        f()
        return torch.cuda.max_memory_allocated() - before
    if device.type == "mps":  # without a counter of the peak
        return float("nan")
    with profile(profile_memory=True) as record:
        f()
    events = record.profiler.kineto_results.events()
    events = sorted(events, key=lambda e: e.start_ns())
    sizes = [e.nbytes() for e in events if e.name() == "[memory]"]  # + taken, - freed
    return int(max(np.cumsum([0, *sizes])))
