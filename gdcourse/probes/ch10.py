"""Probes of the exercises of "Train a net by hand"."""

import numpy as np


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {  # the function and its slope
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
}


def with_activation(answer, params, X, delta, name):
    return answer(params, X, delta, *ACTIVATIONS[name])
