"""The loop, its early stop, and checkpoints that survive being killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gdcourse import functional as F
from gdcourse import nn, optim, schedules, train

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def setup(seed=0):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(4, 16, rng=rng),
        nn.Tanh(),
        nn.BatchNorm1d(16),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(16, 2, rng=rng),
    )
    optimiser = optim.AdamW(model.parameters(), lr=0.02)
    return model, optimiser, schedules.LambdaLR(optimiser, schedules.warmup(5, schedules.cosine(60))), rng


def run(epochs, path=None, **options):
    model, optimiser, scheduler, rng = setup()
    history = train.fit(
        model, F.cross_entropy, optimiser, (X[:80], y[:80]), (X[80:], y[80:]), epochs, rng,
        batch_size=16, scheduler=scheduler, max_norm=1.0, path=path, progress=False, **options,
    )  # fmt: skip
    return model, history


def test_training_lowers_the_loss_and_keeps_the_best_weights():
    model, history = run(12)
    losses = [h["valid"] for h in history]
    assert len(history) == 12 and min(losses) < 0.8 * losses[0]
    assert train.evaluate(model, F.cross_entropy, X[80:], y[80:]) == min(losses)


def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path):
    path = tmp_path / "run.safetensors"
    whole, history = run(8)
    run(3, path)
    resumed, again = run(8, path)
    assert history == again
    for k, v in whole.state_dict().items():
        assert np.array_equal(v, resumed.state_dict()[k]), k


def test_a_run_stops_when_the_validation_loss_stays():
    _, history = run(200, patience=3)
    losses = [h["valid"] for h in history]
    assert len(losses) < 200 and len(losses) - 1 - int(np.argmin(losses)) == 3


KILLED = """
import itertools, sys, numpy as np
from gdcourse import train
for k in itertools.count():
    train.save_file({"a": np.full(3_000_000, k), "b": np.array(k)}, sys.argv[1], {"k": str(k)})
"""


def test_who_is_killed_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "file.safetensors"
    for delay in (0.05, 0.11, 0.17):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], env=dict(os.environ, PYTHONPATH=os.getcwd())
        )
        while not path.exists():
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        tensors, metadata = train.load_file(path)
        assert (tensors["a"] == tensors["b"]).all() and metadata["k"] == str(tensors["b"])


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    train.save_file({"a": np.ones(2)}, path)
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        train.save_file({"a": np.zeros(2)}, path)
    assert train.load_file(path)[0]["a"].tolist() == [1.0, 1.0]


def test_the_file_is_laid_out_as_safetensors_says(tmp_path):
    path = tmp_path / "file.safetensors"
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "b": np.array(2),
        "c": np.zeros((0, 2)),
        "d": np.array([True]),
    }
    train.save_file(arrays, path, {"note": "x"})
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header.pop("__metadata__") == {"note": "x"}
    assert header["a"] == {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}
    assert data[8 + size :][:24] == np.ascontiguousarray(arrays["a"]).tobytes()
    assert sorted(entry["data_offsets"] for entry in header.values())[-1][1] == len(data) - 8 - size
    loaded, _ = train.load_file(path)
    for name, x in arrays.items():
        assert (
            loaded[name].dtype == x.dtype
            and loaded[name].shape == x.shape
            and np.array_equal(loaded[name], x)
        )


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "file.safetensors"
    train.save_file({"a": np.ones(5)}, path)
    data = path.read_bytes()
    for n in (4, 20, len(data) - 1):
        path.write_bytes(data[:n])
        with pytest.raises(ValueError, match="cut short"):
            train.load_file(path)


def test_who_reads_while_another_saves_reads_the_old_file_to_its_end(tmp_path):
    path = tmp_path / "file.safetensors"
    train.save_file({"a": np.zeros(100_000)}, path)
    old = path.read_bytes()
    with open(path, "rb") as reader:
        first = reader.read(100)
        train.save_file({"a": np.ones(100_000)}, path)
        assert first + reader.read() == old
    assert train.load_file(path)[0]["a"].all()
