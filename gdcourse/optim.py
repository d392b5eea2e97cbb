"""Optimisers: from the gradients in ``grad`` to a step of each parameter, in place.

Derived in "Go faster" (notebooks/06_optimizers.ipynb). Names, options, defaults and numbers are those of
``torch.optim``.
"""

import copy
import math

import numpy as np

from .tensor import Tensor, no_grad


class Optimizer:
    """A list of parameters, or of groups: dicts with ``params`` and options of their own.

    A subclass names the arrays that it keeps for each parameter in ``slots``, and writes
    ``direction(g, group, t, *slots)``: what to take off, given the gradient ``g``, the options of the group
    and the number t = 1, 2, ... of the step. Slots are zeros at first, and change in place (``v += g``).
    Every group has an ``lr`` and a ``weight_decay``. Parameters without a gradient stay. ValueError for an
    empty list, a parameter that comes twice or was made by an operation, and a negative ``lr``.

    >>> class Sign(Optimizer):
    ...     def direction(self, g, group, t):
    ...         return group["lr"] * np.sign(g)
    >>> w = Tensor([1.0], requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> Sign([w], lr=0.25).step()
    >>> w.data
    array([0.75])
    """

    slots, decoupled = (), False  # decoupled: weight decay shrinks theta, else it is added to the gradient

    def __init__(self, params, **options):
        if isinstance(params, Tensor) or not hasattr(params, "__iter__"):
            raise TypeError(
                f"parameters come in a list, as in model.parameters(); this is a {type(params).__name__}"
            )
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        listed = lambda p: [p] if isinstance(p, Tensor) else list(p)
        defaults = {"weight_decay": 0.0, **options}
        self.param_groups = [{**defaults, **group, "params": listed(group["params"])} for group in groups]
        self.state = {}  # parameter -> {"step": t, slot: array, ...}
        kinds = {type(p).__name__ for p, _ in self._all() if not isinstance(p, Tensor)}
        if kinds:
            raise TypeError(f"parameters are tensors, as in model.parameters(); here is a {kinds.pop()}")
        made = [p for p, _ in self._all() if not p.is_leaf]
        if made:
            raise ValueError(
                f"a parameter {made[0].shape} was made by {made[0].op}; wanted leaves: tensor(array)"
            )
        count, lrs = len(self._all()), [group["lr"] for group in self.param_groups]
        if count == 0:
            raise ValueError("0 parameters; are the layers in a plain list? ModuleList shows them")
        if count > len({p for p, _ in self._all()}):
            raise ValueError(f"{count} parameters, one of them twice; wanted each once")
        if not all(lr >= 0 for lr in lrs):
            raise ValueError(f"lr {lrs}; wanted lr >= 0")

    def _all(self):
        return [(p, group) for group in self.param_groups for p in group["params"]]

    def direction(self, g, group, t, *slots):
        """What to take off a parameter whose gradient is ``g``, an array of its shape."""
        raise NotImplementedError(f"{type(self).__name__} has no direction(self, g, group, t, ...)")

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for p, _ in self._all():
            p.grad = None

    def step(self):
        """Take one step with the gradients as they are."""
        for p, group in self._all():
            if p.grad is not None:
                self._update(p, group)

    def _update(self, p, group):
        g, decay = p.grad, group["weight_decay"]
        if p not in self.state:
            self.state[p] = {"step": 0, **{slot: np.zeros_like(g) for slot in self.slots}}
        state = self.state[p]
        state["step"] += 1
        with no_grad():
            if decay and self.decoupled:
                p *= 1 - group["lr"] * decay
            elif decay:
                g = g + decay * p.data
            p -= self.direction(g, group, state["step"], *(state[slot] for slot in self.slots))

    def state_dict(self):
        """A copy of all that the next step depends on, for ``load_state_dict``."""
        states = [self.state.get(p, {}) for p, _ in self._all()]
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        return copy.deepcopy({"rule": type(self).__name__, "groups": groups, "state": states})

    def load_state_dict(self, saved):
        """Go on from what ``state_dict`` returned. ValueError for another rule or other parameters."""
        states = [{k: int(x) if k == "step" else np.array(x) for k, x in s.items()} for s in saved["state"]]
        wanted = [{"step": (), **dict.fromkeys(self.slots, p.shape)} for p, _ in self._all()]
        shapes = [{k: np.shape(x) for k, x in s.items()} for s in states]
        same = len(shapes) == len(wanted) and all(s in ({}, w) for s, w in zip(shapes, wanted))
        rule = type(self).__name__
        if saved["rule"] != rule or len(saved["groups"]) != len(self.param_groups) or not same:
            raise ValueError(f"this state, of {saved['rule']}, does not fit {rule} with these parameters")
        self.state = {p: s for (p, _), s in zip(self._all(), states) if s}
        for group, options in zip(self.param_groups, saved["groups"]):
            group.update(options)


class SGD(Optimizer):
    """v <- momentum v + g, theta <- theta - lr v; with Nesterov lr (g + momentum v) is taken off. ValueError.

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SGD([w], lr=0.25).step()
    >>> w.data
    array([0.5])
    """

    slots = ("v",)

    def __init__(self, params, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
        if any(group["nesterov"] and not group["momentum"] for group in self.param_groups):
            raise ValueError("nesterov looks ahead along the momentum: wanted momentum > 0")

    def direction(self, g, group, t, v):
        lr, momentum = group["lr"], group["momentum"]
        if not momentum:
            return lr * g
        v *= momentum
        v += g
        return lr * (g + momentum * v) if group["nesterov"] else lr * v


class Adagrad(Optimizer):
    """s <- s + g^2, theta <- theta - lr g / (sqrt(s) + eps) (Duchi, Hazan and Singer 2011).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (5 * w).sum().backward()
    >>> Adagrad([w], lr=0.25).step()
    >>> w.data.round(6)
    array([0.75])
    """

    def __init__(self, params, lr=1e-2, weight_decay=0.0, eps=1e-10):
        super().__init__(params, lr=lr, weight_decay=weight_decay, eps=eps)

    slots = ("s",)

    def direction(self, g, group, t, s):
        s += g * g
        return group["lr"] * g / (np.sqrt(s) + group["eps"])


class RMSprop(Optimizer):
    """s <- alpha s + (1 - alpha) g^2, theta <- theta - lr g / (sqrt(s) + eps) (Tieleman and Hinton 2012).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (5 * w).sum().backward()
    >>> RMSprop([w], lr=0.25, alpha=0.75).step()
    >>> w.data.round(6)
    array([0.5])
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay)

    slots = ("s",)

    def direction(self, g, group, t, s):
        s *= group["alpha"]
        s += (1 - group["alpha"]) * g * g
        return group["lr"] * g / (np.sqrt(s) + group["eps"])


class Adam(Optimizer):
    """m and v: running means of g and g^2; theta <- theta - lr m_hat / (sqrt(v_hat) + eps) (Kingma and Ba 2015).

    ``m_hat = m / (1 - beta1^t)`` and ``v_hat = v / (1 - beta2^t)`` undo the start at zero.

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (5 * w).sum().backward()
    >>> Adam([w], lr=0.25).step()
    >>> w.data.round(6)
    array([0.75])
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    slots = ("m", "v")

    def direction(self, g, group, t, m, v):
        beta1, beta2 = group["betas"]
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        root = np.sqrt(v)  # (sqrt(v_hat) + eps), in place
        root /= math.sqrt(1 - beta2**t)
        root += group["eps"]
        return group["lr"] / (1 - beta1**t) * m / root


class AdamW(Adam):
    """Adam whose weight decay shrinks theta by lr * weight_decay, apart from the gradient (Loshchilov and Hutter 2019).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (5 * w).sum().backward()
    >>> AdamW([w], lr=0.25, weight_decay=0.4).step()
    >>> w.data.round(6)
    array([0.65])
    """

    decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)


def clip_grad_norm_(parameters, max_norm):
    """Shrink all gradients together so that their common norm is at most ``max_norm``; the norm before.

    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_norm_([w], 1.0), w.grad.round(4)
    (10.0, array([0.6, 0.8]))
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.square(g, dtype=float).sum()) for g in grads))
    if not norm + 1e-6 < max_norm:  # also when it is not a number
        for g in grads:
            g *= max_norm / (norm + 1e-6)
    return norm
