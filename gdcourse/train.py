"""One training loop: batches, evaluation, early stopping, and checkpoints that survive being killed.

Derived in "Modules and a training loop" (notebooks/15_modules.ipynb).
"""

import json
import os
from pathlib import Path

import numpy as np

from .optim import clip_grad_norm_
from .tensor import Tensor, no_grad

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}


def save_file(tensors, path, metadata=None):
    """Write {name: array} as a safetensors file, with {string: string} beside them; all of it or nothing.

    The file is written under another name, forced to the disk, and takes its own name in one move: who is
    killed in the middle leaves the old file as it was.
    """
    header, start = {"__metadata__": metadata or {}}, 0
    arrays = {name: np.ascontiguousarray(x) for name, x in tensors.items()}
    for (name, x), shape in zip(arrays.items(), map(np.shape, tensors.values())):
        header[name] = {
            "dtype": CODES[x.dtype],
            "shape": shape,
            "data_offsets": [start, start := start + x.nbytes],
        }
    text = json.dumps(header).encode()
    path = Path(path)
    draft = path.with_name(path.name + ".part")
    with open(draft, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for x in arrays.values():
            file.write(x.tobytes())
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def load_file(path):
    """({name: array}, metadata) of a safetensors file. ValueError for a file cut short."""
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < start:
        raise ValueError(f"{path} is cut short: {len(data)} bytes; wanted a header of {start}")
    header = json.loads(data[8:start])
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        first, last = (start + n for n in entry["data_offsets"])
        if last > len(data):
            raise ValueError(f"{path} is cut short: {len(data)} bytes; {name} ends at {last}")
        tensors[name] = np.frombuffer(data[first:last], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return tensors, metadata


class Checkpoint:
    """All that a run depends on: weights, optimiser, schedule, random generators, and its history so far."""

    def __init__(self, path, model, optimizer, scheduler, rng):
        self.path, self.model, self.optimizer, self.scheduler = path, model, optimizer, scheduler
        self.generators = [rng, *(m.rng for m in model.modules() if hasattr(m, "rng"))]

    def save(self, history, best):
        optimizer = self.optimizer.state_dict()
        tensors = {f"model/{name}": x for name, x in self.model.state_dict().items()}
        tensors |= {f"best/{name}": x for name, x in best.items()}
        for i, state in enumerate(optimizer["state"]):
            tensors |= {f"optimizer/{i}/{k}": np.asarray(v) for k, v in state.items()}
        notes = {
            "history": history,
            "groups": optimizer["groups"],
            "scheduler": self.scheduler and self.scheduler.state_dict(),
            "generators": [g.bit_generator.state for g in self.generators],
        }
        save_file(tensors, self.path, {"notes": json.dumps(notes)})

    def load(self):
        """(history, best weights); everything else is put back where it was."""
        tensors, metadata = load_file(self.path)
        notes, model, best = json.loads(metadata["notes"]), {}, {}
        state = [{} for group in self.optimizer.param_groups for _ in group["params"]]
        for name, x in tensors.items():
            kind, rest = name.split("/", 1)
            if kind == "optimizer":
                i, key = rest.split("/")
                state[int(i)][key] = x if x.ndim or key != "step" else int(x)
            else:
                (model if kind == "model" else best)[rest] = x
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict({"state": state, "groups": notes["groups"]})
        if self.scheduler:
            self.scheduler.load_state_dict(notes["scheduler"])
        for generator, saved in zip(self.generators, notes["generators"], strict=True):
            generator.bit_generator.state = saved
        return notes["history"], best


def evaluate(model, loss_fn, X, y, batch_size=256):
    """Mean loss over all of (X, y), without gradients, dropout or batch statistics."""
    model.eval()
    total = 0.0
    with no_grad():
        for i in range(0, len(X), batch_size):
            xb, yb = X[i : i + batch_size], y[i : i + batch_size]
            total += loss_fn(model(Tensor(xb)), Tensor(yb)).item() * len(xb)
    model.train()
    return total / len(X)


def fit(
    model, loss_fn, optimizer, train, valid, epochs, rng,
    batch_size=64, scheduler=None, max_norm=None, patience=None, path=None, progress=True,
):  # fmt: skip
    """Train for ``epochs`` epochs; the model ends with the weights of the lowest validation loss.

    ``train`` and ``valid`` are pairs (X, y) of arrays, a row for each sample; ``loss_fn(model(x), y)`` is a
    mean over the batch. Each epoch goes once through the training samples, in an order drawn from ``rng``.
    The schedule steps with each batch; gradients are clipped to the norm ``max_norm``. After ``patience``
    epochs without a lower validation loss the run stops early. With a ``path`` each epoch is saved, and a run
    that was killed goes on from there: to the same weights, bit for bit, as if nothing had happened. Returns
    the history: [{"epoch": 1, "train": mean loss while training, "valid": loss after it}, ...].
    """
    from tqdm import tqdm

    (X, y), history, best = train, [], model.state_dict()
    checkpoint = Checkpoint(path, model, optimizer, scheduler, rng)
    if path and Path(path).exists():
        history, best = checkpoint.load()
    model.train()
    bar = tqdm(total=epochs, initial=len(history), disable=not progress)
    while len(history) < epochs and not _stalled(history, patience):
        total = 0.0
        order = rng.permutation(len(X))
        for i in range(0, len(X), batch_size):
            rows = order[i : i + batch_size]
            loss = loss_fn(model(Tensor(X[rows])), Tensor(y[rows]))
            optimizer.zero_grad()
            loss.backward()
            if max_norm:
                clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            if scheduler:
                scheduler.step()
            total += loss.item() * len(rows)
        valid_loss = evaluate(model, loss_fn, *valid)
        if all(valid_loss < past["valid"] for past in history):
            best = model.state_dict()
        history.append({"epoch": len(history) + 1, "train": total / len(X), "valid": valid_loss})
        if path:
            checkpoint.save(history, best)
        bar.update()
        bar.set_postfix({k: f"{v:.4f}" for k, v in history[-1].items() if k != "epoch"})
    bar.close()
    model.load_state_dict(best)
    return history


def _stalled(history, patience):
    losses = [past["valid"] for past in history]
    return bool(losses) and patience is not None and len(losses) - 1 - losses.index(min(losses)) >= patience
