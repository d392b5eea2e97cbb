"""The device, its clock and its memory."""

import math
import time

import pytest
import torch

from gdcourse import device

CPU = torch.device("cpu")


def machine_with(monkeypatch, **available):
    for backend in ("cuda", "mps"):
        place = torch.cuda if backend == "cuda" else torch.backends.mps
        monkeypatch.setattr(place, "is_available", lambda b=backend: b in available)


def test_the_best_device_is_cuda_then_mps_then_cpu(monkeypatch):
    machine_with(monkeypatch)
    assert device.best() == CPU
    machine_with(monkeypatch, mps=True)
    assert device.best().type == "mps"
    machine_with(monkeypatch, mps=True, cuda=True)
    assert device.best().type == "cuda"


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_gpu_is_waited_for_and_a_cpu_is_not(monkeypatch, kind):
    waited = []
    monkeypatch.setattr(getattr(torch, kind), "synchronize", lambda: waited.append(kind))
    device.synchronize(CPU)
    assert waited == []
    device.synchronize(torch.device(kind))
    assert waited == [kind]


def test_seconds_is_a_median_that_leaves_out_the_first_call(monkeypatch):
    readings = iter([0, 50, 60, 61, 70, 100, 110, 112])  # calls of 50, 1, 30 and 2 seconds
    monkeypatch.setattr(time, "perf_counter", lambda: next(readings))
    assert device.seconds(lambda: None, 3) == 2


def test_the_clock_waits_before_each_reading(monkeypatch):
    order = []
    monkeypatch.setattr(device, "synchronize", lambda place: order.append("wait"))
    monkeypatch.setattr(time, "perf_counter", lambda: order.append("read") or 0.0)
    device.seconds(lambda: order.append("work"), 1)
    assert order == ["wait", "read", "work", "wait", "read"] * 2


def test_the_peak_is_the_most_that_was_held_at_once():
    def work():
        a = torch.empty(1000)  # 4000 bytes
        b = torch.empty(500)  # 6000 held
        del a
        return torch.empty(250), b  # 3000 held

    assert device.peak_memory(work, CPU) == 6000


def test_the_peak_counts_what_an_operation_needs_inside():
    square = torch.randn(64, 64).t()[::2]  # not in one piece: a sort has to copy
    assert device.peak_memory(lambda: square.sort(), CPU) > 32 * 64 * (4 + 8)


def test_views_cost_nothing_and_nothing_costs_nothing():
    a = torch.randn(1000)
    assert device.peak_memory(lambda: a.view(10, 100).t(), CPU) == 0
    assert device.peak_memory(lambda: None, CPU) == 0


def test_a_product_keeps_its_factors_for_the_backward_pass():
    a = torch.ones(1000, requires_grad=True)

    def chain():
        (a.sin().sin().sin()).detach()

    with torch.no_grad():
        bare = device.peak_memory(chain, CPU)
    assert bare == 2 * 4000  # the last result and the one it is made from
    assert device.peak_memory(chain, CPU) == 3 * 4000


def test_a_gpu_is_asked_for_its_own_counter(monkeypatch):
    held = {"now": 100, "most": 0}
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: held["now"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: held.update(most=held["now"]))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: held["most"])
    work = lambda: held.update(now=300, most=900)
    assert device.peak_memory(work, torch.device("cuda")) == 800


def test_a_device_without_a_counter_of_the_peak_says_that_it_is_not_a_number():
    assert math.isnan(device.peak_memory(lambda: None, torch.device("mps")))
