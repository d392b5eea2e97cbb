"""Optimisers and schedules against torch.optim, for every option that we have."""

import numpy as np
import pytest
import torch

from gdcourse import optim, schedules
from gdcourse.tensor import Tensor

A, B = np.random.default_rng(0).normal(size=(7, 4)), np.random.default_rng(1).normal(size=(3, 2))
OPTIMISERS = {
    "SGD": [{}, dict(momentum=0.9), dict(momentum=0.9, nesterov=True), dict(weight_decay=0.1), dict(momentum=0.5, weight_decay=0.1, nesterov=True)],
    "Adagrad": [{}, dict(weight_decay=0.1), dict(eps=1e-3)],
    "RMSprop": [{}, dict(alpha=0.9), dict(weight_decay=0.1), dict(eps=1e-2)],
    "Adam": [{}, dict(betas=(0.5, 0.9)), dict(weight_decay=0.1), dict(eps=1e-2)],
    "AdamW": [{}, dict(betas=(0.5, 0.9)), dict(weight_decay=0.5), dict(weight_decay=0.0), dict(eps=1e-2)],
}  # fmt: skip
CASES = [
    pytest.param(name, options, id=f"{name}-{i}")
    for name, all in OPTIMISERS.items()
    for i, options in enumerate(all)
]


def run(optimiser, make, module, options, steps=100):
    w, b = make(np.full((7, 4), 0.5)), make(np.array([[1.0, -2.0]] * 3))
    params = [{"params": [w], "lr": 0.03}, {"params": [b]}] if options.pop("groups", False) else [w, b]
    o = optimiser(params, lr=0.01, **options)
    for k in range(steps):
        o.zero_grad()
        noise = np.random.default_rng(k)  # another loss at each step: gradients do not die out
        loss = ((w - module(A + noise.normal(size=A.shape))) ** 2).sum() + (
            (b * module(B + noise.normal(size=B.shape)) - 1) ** 2
        ).sum()
        loss.backward()
        o.step()
    return w, b


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("name, options", CASES)
def test_100_steps_are_those_of_torch(name, options, groups):
    ours = run(
        getattr(optim, name),
        lambda a: Tensor(a.copy(), requires_grad=True),
        Tensor,
        dict(options, groups=groups),
    )
    theirs = run(
        getattr(torch.optim, name),
        lambda a: torch.tensor(a, requires_grad=True),
        torch.tensor,
        dict(options, groups=groups),
    )
    for x, y in zip(ours, theirs):
        np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=0, atol=1e-7)
        assert np.abs(x.data).max() > 1e-3


def test_defaults_are_those_of_torch():
    for name in OPTIMISERS:
        ours = getattr(optim, name)([Tensor([1.0], requires_grad=True)])
        theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)])
        for option, value in ours.param_groups[0].items():
            if option != "params":
                assert value == theirs.param_groups[0][option], (name, option)


def test_a_parameter_without_a_gradient_stays_and_float32_stays():
    w, b = (Tensor(np.ones(2, np.float32), requires_grad=True) for _ in range(2))
    o = optim.AdamW([w, b], lr=0.1)
    (w * 2).sum().backward()
    o.step()
    assert b.data.tolist() == [1.0, 1.0] and w.dtype == np.float32 and w.data[0] < 1
    assert all(v.dtype == np.float32 for v in o.state[w].values() if isinstance(v, np.ndarray))


def test_a_step_between_forward_and_backward_is_noticed():
    w = Tensor([1.0], requires_grad=True)
    first, second = w * w, w * w
    o = optim.SGD([w], lr=0.1)
    first.backward()
    o.step()
    with pytest.raises(RuntimeError, match="changed in place after mul"):
        second.backward()


@pytest.mark.parametrize("name, options", CASES)
def test_an_optimiser_goes_on_from_its_state(name, options):
    def start():
        w = Tensor(np.ones(3), requires_grad=True)
        return w, getattr(optim, name)([w], lr=0.01, **options)

    def steps(w, o, n):
        for _ in range(n):
            o.zero_grad()
            (w * w * w).sum().backward()
            o.step()

    w, o = start()
    steps(w, o, 10)
    saved, weights = o.state_dict(), w.data.copy()
    steps(w, o, 10)
    v, other = start()
    v.data[:] = weights
    other.load_state_dict(saved)
    steps(v, other, 10)
    assert np.array_equal(w.data, v.data)


def test_no_parameters_and_a_negative_rate_are_refused():
    with pytest.raises(ValueError, match="0 parameters"):
        optim.SGD([], lr=0.1)
    with pytest.raises(ValueError, match=r"lr \[-1\]"):
        optim.Adam([Tensor([1.0], requires_grad=True)], lr=-1)


@pytest.mark.parametrize("params", [[np.ones(2)], [("weight", Tensor([1.0], requires_grad=True))]])
def test_what_is_no_parameter_is_refused(params):
    with pytest.raises(TypeError, match="as in model.parameters.*(ndarray|tuple)"):
        optim.SGD(params, lr=0.1)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_clipping_is_that_of_torch(max_norm):
    grads = [A, B]
    ours = [Tensor(np.zeros_like(g), requires_grad=True) for g in grads] + [Tensor([0.0], requires_grad=True)]
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in grads]
    for x, y, g in zip(ours, theirs, grads):
        x.grad, y.grad = g.copy(), torch.tensor(g)
    norm = optim.clip_grad_norm_(ours, max_norm)
    np.testing.assert_allclose(norm, torch.nn.utils.clip_grad_norm_(theirs, max_norm).item())
    for x, y in zip(ours, theirs):
        np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=1e-12)


def rates(lib, make, n=25):
    w = torch.ones(1, requires_grad=True)
    o = torch.optim.SGD([w], lr=0.5)
    scheduler, lrs = make(o), []
    for _ in range(n):
        lrs.append(o.param_groups[0]["lr"])
        o.step()
        scheduler.step()
    return lrs


def ours(schedule, n=25):
    o = optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.5)
    scheduler, lrs = schedules.LambdaLR(o, schedule), []
    for _ in range(n):
        lrs.append(scheduler.get_last_lr()[0])
        scheduler.step()
    return lrs


@pytest.mark.parametrize("schedule, theirs", [
    (schedules.step_decay(7, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
    (schedules.cosine(24, 0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 24, eta_min=0.05)),
    (schedules.inverse_time(0.2), lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: 1 / (1 + 0.2 * k))),
    (schedules.warmup(10), lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 9)),
])  # fmt: skip
def test_a_schedule_is_that_of_torch(schedule, theirs):
    np.testing.assert_allclose(ours(schedule), rates(torch, theirs), rtol=1e-9, atol=1e-12)


def test_a_schedule_works_under_torch_and_each_group_keeps_its_own_rate():
    np.testing.assert_allclose(
        ours(schedules.cosine(5)),
        rates(torch, lambda o: torch.optim.lr_scheduler.LambdaLR(o, schedules.cosine(5))),
    )
    a, b = (Tensor([1.0], requires_grad=True) for _ in range(2))
    o = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.1)
    schedules.LambdaLR(o, schedules.warmup(4))
    assert [g["lr"] for g in o.param_groups] == [0.25, 0.025]


w = Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize("make, error, words", [
    (lambda: optim.SGD(w), TypeError, "as in model.parameters.*this is a Tensor"),
    (lambda: optim.SGD([w, w]), ValueError, "one of them twice"),
    (lambda: optim.SGD([{"params": [w]}, {"params": [w]}]), ValueError, "one of them twice"),
    (lambda: optim.Adam([w], lr=float("nan")), ValueError, "lr .nan"),
    (lambda: optim.SGD([w], nesterov=True), ValueError, "wanted momentum > 0"),
    (lambda: optim.SGD(print), TypeError, "as in model.parameters"),
    (lambda: optim.SGD([w * 2]), ValueError, r"parameter \(1,\) was made by mul; wanted leaves"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def state_after_a_step(make):
    v = Tensor([1.0, 2.0], requires_grad=True)
    optimiser = make([v])
    (v * v).sum().backward()
    optimiser.step()
    return optimiser.state_dict()


OTHERS = {
    "another rule": lambda: optim.SGD([Tensor([1.0, 2.0], requires_grad=True)], momentum=0.9),
    "another rule with the same slots": lambda: optim.AdamW([Tensor([1.0, 2.0], requires_grad=True)]),
    "another shape": lambda: optim.Adam([Tensor([1.0], requires_grad=True)]),
    "another number": lambda: optim.Adam([Tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_state_that_does_not_fit_is_refused_before_anything_changes(name):
    optimiser = OTHERS[name]()
    before = optimiser.state_dict()
    with pytest.raises(ValueError, match="this state, of Adam, does not fit"):
        optimiser.load_state_dict(state_after_a_step(optim.Adam))
    assert optimiser.state_dict() == before


def test_a_state_is_a_copy():
    optimiser = optim.SGD([w], lr=0.5)
    scheduler = schedules.LambdaLR(optimiser, schedules.inverse_time(1.0))
    scheduler.state_dict()["base_lrs"][0] = 99.0
    optimiser.state_dict()["groups"][0]["lr"] = 99.0
    assert scheduler.base_lrs == [0.5] and optimiser.param_groups[0]["lr"] == 0.5


def test_clipping_takes_one_tensor_and_does_not_overflow():
    v = Tensor(np.ones(2, np.float32), requires_grad=True)
    v.grad = np.array([3e25, 4e25], np.float32)
    assert optim.clip_grad_norm_(v, 1.0) == pytest.approx(5e25)
    np.testing.assert_allclose(v.grad, [0.6, 0.8], rtol=1e-6)


def test_a_cosine_of_no_steps_stands_at_its_floor():
    assert [schedules.warmup(2, schedules.cosine(0, 0.1))(k) for k in range(4)] == [0.5, 1.0, 0.1, 0.1]


def test_a_group_of_one_tensor_is_a_group_of_one_parameter():
    v = Tensor([1.0, 2.0], requires_grad=True)
    optimiser = optim.SGD([{"params": v, "lr": 0.5}])
    (v * v).sum().backward()
    optimiser.step()
    assert v.data.tolist() == [0.0, 0.0]
