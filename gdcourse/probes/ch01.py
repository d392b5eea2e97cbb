"""Probes of the exercises of "Fit a line"."""

import numpy as np


def with_generator(answer, seed, m):
    return answer(np.random.default_rng(seed), m)
