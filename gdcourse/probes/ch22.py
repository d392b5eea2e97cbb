"""What runs beside the answers of "Fine-tune an encoder" (notebooks/22_finetuning.ipynb), and what one of them is given."""

import functools

import numpy as np

from gdcourse.optim import Adam
from gdcourse.probes import ask
from gdcourse.tensor import Tensor


def encoder(table, calls=None):
    """encode(ids, mask) with the rows of ``table``; it adds the ids and the mask of each call to ``calls``."""

    def encode(ids, mask):
        ids, mask = np.asarray(ids), np.asarray(mask)
        if ids.ndim != 2 or ids.shape != mask.shape:
            raise ValueError(f"ids {ids.shape} and mask {mask.shape}; wanted twice (rows, length)")
        seen = (mask / mask.sum(axis=1, keepdims=True))[:, :, None]
        hidden = table[ids] + (table[ids] * seen).sum(axis=1, keepdims=True)  # each place sees the mean
        if calls is not None:
            calls.append((ids.copy(), mask.copy()))
        return hidden

    return encode


def predicted(answer, table, texts, size, w, b):
    """(the answer's logits, [(ids, mask)] of each call of the encoder)."""
    calls = []
    return ask(answer, encoder(table, calls), texts, size, w, b), calls


@functools.cache
def world(seed=26):
    """A small net that was pre-trained on two questions, and a new one, which needs a third hidden cause."""
    rng = np.random.default_rng(seed)  # learners are given it, so it is the same in every term
    causes = rng.normal(size=(40, 3)) / np.sqrt(40)
    old = lambda X: (X @ causes[:, :2] > 0).astype(float)
    new = lambda X: (np.tanh(3 * X @ causes).sum(axis=1) > 0).astype(float)
    many, few, test = (rng.normal(size=(m, 40)) for m in (1000, 100, 4000))
    body, head = (Tensor(rng.normal(size=shape) / 50, requires_grad=True) for shape in ((40, 8), (8, 2)))
    X, y, optimizer = Tensor(many), Tensor(old(many)), Adam([body, head], lr=0.01)
    for _ in range(300):
        z = (X @ body).tanh() @ head
        optimizer.zero_grad()
        (((1 + (-1 * z).exp()).log() + z * (1 - y)).sum() / len(many)).backward()
        optimizer.step()
    return {
        "body": body.data, "old_head": head.data, "X": few, "y": new(few),
        "X_test": test, "old_test": old(test), "new_test": new(test),
    }  # fmt: skip


def pretrained():
    """The pre-trained net and the data of the exercise `forgetting`: {name: array}, new copies in each call."""
    return {name: array.copy() for name, array in world().items()}
