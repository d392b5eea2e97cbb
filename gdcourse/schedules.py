"""Schedules: functions from the number k = 0, 1, 2, ... of a step to a factor of the learning rate.

Derived in "Go faster" (notebooks/06_optimizers.ipynb). ``LambdaLR`` puts one to work, and so does
``torch.optim.lr_scheduler.LambdaLR``.
"""

import math


def step_decay(size, gamma=0.1):
    """``gamma^(k // size)``: the rate falls by a factor every ``size`` steps.

    >>> [step_decay(2, 0.5)(k) for k in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return lambda k: gamma ** (k // size)


def inverse_time(rate):
    """``1 / (1 + rate k)``: slow enough to reach everything, fast enough to silence the noise.

    >>> inverse_time(1.0)(3)
    0.25
    """
    return lambda k: 1 / (1 + rate * k)


def cosine(steps, floor=0.0):
    """Half a cosine from 1 to ``floor`` in ``steps`` steps, and ``floor`` from then on.

    >>> [round(cosine(4)(k), 3) for k in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    return lambda k: floor + (1 - floor) * (1 + math.cos(math.pi * (k / steps if k < steps else 1))) / 2


def warmup(steps, then=lambda k: 1.0):
    """A straight line up to 1 in ``steps`` steps, the first of them 1 / steps; the schedule ``then`` follows.

    >>> [warmup(4, cosine(2))(k) for k in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.0]
    """
    return lambda k: (k + 1) / steps if k < steps else then(k - steps)


class LambdaLR:
    """Sets the ``lr`` of each group to its own at the start times ``schedule(k)``; ``step()`` makes k one larger.

    >>> from gdcourse.optim import SGD
    >>> from gdcourse.tensor import tensor
    >>> optimizer = SGD([tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = LambdaLR(optimizer, inverse_time(1.0))
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer, lr_lambda):
        self.optimizer, self.lr_lambda = optimizer, lr_lambda
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self._set(0)

    def _set(self, k):
        self.last_epoch = k
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = lr * self.lr_lambda(k)

    def step(self):
        """One step on: the next learning rates."""
        self._set(self.last_epoch + 1)

    def get_last_lr(self):
        """The learning rate of each group, as it is now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """What ``load_state_dict`` needs to go on: the number of the step, the rates at the start."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state):
        """Go on from what ``state_dict`` returned."""
        self.base_lrs = list(state["base_lrs"])
        self._set(state["last_epoch"])
