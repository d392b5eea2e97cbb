"""One training loop: batches, evaluation, early stopping, and checkpoints that survive being killed.

Derived in "Modules and a training loop" (notebooks/15_modules.ipynb).
"""

import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .optim import clip_grad_norm_
from .tensor import Tensor, no_grad


def save_checkpoint(path, arrays, notes):
    """Write {name: array}, and ``notes`` that JSON can hold, as one ``.npz`` file: all of it or nothing.

    The file is written under another name, forced to the disk, and takes its own name in one move: a run
    that is killed in the middle leaves the old file as it was. Names are not ``file`` or ``notes``.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.npz"
    >>> save_checkpoint(path, {"w": np.ones(2)}, {"epoch": 3})
    >>> load_checkpoint(path)
    ({'w': array([1., 1.])}, {'epoch': 3})
    """
    draft = Path(path).with_name(Path(path).name + ".part")
    try:
        with open(draft, "wb") as file:
            np.savez(file, **arrays, notes=json.dumps(notes))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load_checkpoint(path):
    """What ``save_checkpoint`` wrote: (arrays, notes). ValueError for a file that is not whole.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.npz"
    >>> save_checkpoint(path, {}, [1, 2])
    >>> load_checkpoint(path)
    ({}, [1, 2])
    """
    try:
        with np.load(path) as saved:
            arrays = dict(saved)
        return arrays, json.loads(str(arrays.pop("notes")))
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no whole checkpoint ({error}): delete it, or take an older one"
        ) from None


class Run:
    """All that the rest of a run depends on: weights, optimiser, schedule and random generators.

    Generators are ``rng`` and those of the modules that draw, such as ``Dropout``: as ``np.random.default_rng``
    makes them (PCG64).

    >>> from gdcourse import nn, optim
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5))
    >>> run = Run(model, optim.SGD(model.parameters()), None, np.random.default_rng(0))
    >>> len(run.generators)
    2
    """

    def __init__(self, model, optimizer, scheduler, rng):
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.generators = [rng, *(m.rng for m in model.modules() if hasattr(m, "rng"))]

    def save(self, path, history, best):
        """Write everything, with the history and the best weights so far."""
        optimizer = self.optimizer.state_dict()
        arrays = {f"model/{name}": x for name, x in self.model.state_dict().items()}
        arrays |= {f"best/{name}": x for name, x in best.items()}
        for i, state in enumerate(optimizer.pop("state")):
            arrays |= {f"optimizer/{i}/{slot}": x for slot, x in state.items()}
        notes = {
            "history": history,
            "optimizer": optimizer,
            "scheduler": self.scheduler and self.scheduler.state_dict(),
            "generators": [g.bit_generator.state for g in self.generators],
        }
        save_checkpoint(path, arrays, notes)

    def load(self, path):
        """Put everything back where it was; returns (history, best weights). ValueError for another run."""
        arrays, notes = load_checkpoint(path)
        scheduled, generators = notes["scheduler"] is not None, notes["generators"]
        if scheduled != (self.scheduler is not None) or len(generators) != len(self.generators):
            raise ValueError(f"{path} is of a run with {len(generators)} generators, schedule: {scheduled}")
        under = lambda prefix: {k.removeprefix(prefix): x for k, x in arrays.items() if k.startswith(prefix)}
        count = sum(len(group["params"]) for group in self.optimizer.param_groups)
        states = [under(f"optimizer/{i}/") for i in range(count)]
        self.optimizer.load_state_dict({**notes["optimizer"], "state": states})
        self.model.load_state_dict(under("model/"))
        if scheduled:
            self.scheduler.load_state_dict(notes["scheduler"])
        for generator, state in zip(self.generators, generators):
            generator.bit_generator.state = state
        return notes["history"], under("best/")


def _same_rows(X, y):
    if not len(X) == len(y) > 0:
        raise ValueError(f"{len(X)} rows of X, {len(y)} of y; wanted one for each, and at least one")


def evaluate(model, loss_fn, X, y, batch_size=256):
    """Mean of ``loss_fn(model(X), y)`` over all rows, in batches: without gradients and dropout.

    X (m, ...) and y (m, ...) are arrays, ValueError for none. Each module goes back to the mode in which it was.

    >>> from gdcourse import functional as F, nn
    >>> evaluate(nn.Dropout(0.5), F.mse_loss, np.ones((3, 2)), np.zeros((3, 2)))
    1.0
    """
    _same_rows(X, y)
    modes, total = [(module, module.training) for module in model.modules()], 0.0
    model.eval()
    try:
        with no_grad():
            for i in range(0, len(X), batch_size):
                xb, yb = X[i : i + batch_size], y[i : i + batch_size]
                total += loss_fn(model(Tensor(xb)), Tensor(yb)).item() * len(xb)
    finally:
        for module, mode in modes:
            module.training = mode
    return total / len(X)


def train_epoch(model, loss_fn, optimizer, X, y, rng, batch_size=64, scheduler=None, max_norm=None):
    """Once through the rows of X and y, in an order drawn from ``rng``: the mean loss on the way.

    ``loss_fn(model(x), y)`` is a mean over the batch. The schedule steps with each batch; gradients are
    clipped to the norm ``max_norm``. FloatingPointError as soon as the loss is not a finite number.

    >>> from gdcourse import functional as F, nn, optim
    >>> model, rng = nn.Linear(2, 1), np.random.default_rng(0)
    >>> X, y = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> train_epoch(model, F.mse_loss, sgd, X, y, rng) > train_epoch(model, F.mse_loss, sgd, X, y, rng)
    True
    """
    _same_rows(X, y)
    total, order = 0.0, rng.permutation(len(X))
    model.train()
    for i in range(0, len(X), batch_size):
        rows = order[i : i + batch_size]
        loss = loss_fn(model(Tensor(X[rows])), Tensor(y[rows]))
        if not math.isfinite(loss.item()):
            done = i // batch_size
            raise FloatingPointError(
                f"the loss is {loss.item()} after {done} batches: lower the lr, or look for nan"
            )
        optimizer.zero_grad()
        loss.backward()
        if max_norm is not None:
            clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total += loss.item() * len(rows)
    return total / len(X)


def fit(
    model, loss_fn, optimizer, train, valid, epochs, rng,
    scheduler=None, patience=None, path=None, progress=True, **options,
):  # fmt: skip
    """Train for ``epochs`` epochs; the model ends with the weights of the lowest validation loss.

    ``train`` and ``valid`` are pairs (X, y) of arrays; ``options`` are those of ``train_epoch``. After
    ``patience`` epochs without a lower validation loss the run stops early. With a ``path`` each epoch is
    saved, and a run that was killed goes on from there, with the rates and generators in the file: to the
    same weights, bit for bit, as if nothing had happened. Returns [{"epoch": 1, "train": mean loss while training, "valid": loss after it}, ...].

    >>> from gdcourse import functional as F, nn, optim
    >>> model, rng = nn.Linear(2, 1, rng=0), np.random.default_rng(0)
    >>> data = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> len(fit(model, F.mse_loss, sgd, data, data, 3, rng, progress=False))
    3
    """
    _same_rows(*train)
    _same_rows(*valid)
    if path and not Path(path).resolve().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder for it; make it first")
    run, history, best = Run(model, optimizer, scheduler, rng), [], model.state_dict()
    if path and Path(path).exists():
        history, best = run.load(path)
        if progress:
            tqdm.write(f"{path}: goes on after epoch {len(history)}; delete it to start anew")
    bar = tqdm(total=epochs, initial=len(history), disable=not progress)
    while len(history) < epochs and not _stalled(history, patience):
        loss = train_epoch(model, loss_fn, optimizer, *train, rng, scheduler=scheduler, **options)
        valid_loss = evaluate(model, loss_fn, *valid)
        if not math.isfinite(valid_loss):
            raise FloatingPointError(f"the validation loss is {valid_loss} after epoch {len(history) + 1}")
        if all(valid_loss < past["valid"] for past in history):
            best = model.state_dict()
        history.append({"epoch": len(history) + 1, "train": loss, "valid": valid_loss})
        if path:
            run.save(path, history, best)
        bar.update()
        bar.set_postfix(train=f"{loss:.4f}", valid=f"{valid_loss:.4f}")
    bar.close()
    model.load_state_dict(best)
    return history


def _stalled(history, patience):
    losses = [past["valid"] for past in history]
    return bool(losses) and patience is not None and len(losses) - 1 - losses.index(min(losses)) >= patience
