"""The loop, its early stop, and checkpoints that survive being killed."""

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
    path = tmp_path / "run.npz"
    whole, history = run(8)
    run(3, path)
    resumed, again = run(8, path)
    assert history == again
    for k, v in whole.state_dict().items():
        assert np.array_equal(v, resumed.state_dict()[k]), k


def test_a_run_stops_when_the_validation_loss_stays():
    model, history = run(200, patience=3)
    losses = [h["valid"] for h in history]
    assert train.evaluate(model, F.cross_entropy, X[80:], y[80:]) == min(losses) < losses[-1]
    assert len(losses) < 200 and len(losses) - 1 - int(np.argmin(losses)) == 3


KILLED = """
import itertools, sys, numpy as np
from gdcourse import train
for k in itertools.count():
    train.save_checkpoint(sys.argv[1], {"a": np.full(3_000_000, k), "b": np.array(k)}, {"k": k})
"""


def test_who_is_killed_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "run.npz"
    for delay in (0.05, 0.11, 0.17):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], env=dict(os.environ, PYTHONPATH=os.getcwd())
        )
        while not path.exists():
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        arrays, notes = train.load_checkpoint(path)
        assert (arrays["a"] == arrays["b"]).all() and notes == {"k": arrays["b"]}


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    train.save_checkpoint(path, {"a": np.ones(2)}, {})
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        train.save_checkpoint(path, {"a": np.zeros(2)}, {})
    assert train.load_checkpoint(path)[0]["a"].tolist() == [1.0, 1.0]
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_arrays_of_any_layout_and_kind_come_back_as_they_were(tmp_path):
    arrays = {
        "a/b": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "c": np.array(2),
        "d": np.zeros((0, 2)),
        "e": np.array([True]),
    }
    train.save_checkpoint(tmp_path / "run.npz", arrays, {"note": [1, "x"], "large": 2**100})
    loaded, notes = train.load_checkpoint(tmp_path / "run.npz")
    assert notes == {"note": [1, "x"], "large": 2**100} and loaded.keys() == arrays.keys()
    for name, x in arrays.items():
        assert loaded[name].dtype == x.dtype and np.array_equal(loaded[name], x), name


def test_a_file_that_is_no_whole_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train.save_checkpoint(path, {"a": np.ones(50)}, {})
    data = path.read_bytes()
    for n in (0, 4, 20, len(data) - 1):
        path.write_bytes(data[:n])
        with pytest.raises(ValueError, match="no whole checkpoint"):
            train.load_checkpoint(path)
    np.save(tmp_path / "other.npy", np.ones(3))
    with pytest.raises(ValueError, match="no whole checkpoint"):
        train.load_checkpoint(tmp_path / "other.npy")


def test_who_reads_while_another_saves_reads_the_old_file_to_its_end(tmp_path):
    path = tmp_path / "run.npz"
    train.save_checkpoint(path, {"a": np.zeros(100_000)}, {})
    old = path.read_bytes()
    with open(path, "rb") as reader:
        first = reader.read(100)
        train.save_checkpoint(path, {"a": np.ones(100_000)}, {})
        assert first + reader.read() == old
    assert train.load_checkpoint(path)[0]["a"].all()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_its_last_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    run(2, path)
    saved = path.read_bytes()
    model, optimiser, _, rng = setup()
    bad = np.where(np.arange(80)[:, None] == 30, np.nan, X[:80]).astype(np.float32)
    with pytest.raises(FloatingPointError, match=r"the loss is nan after \d+ batches: lower the lr"):
        train.fit(
            model, F.cross_entropy, optimiser, (bad, y[:80]), (X, y), 3, rng, batch_size=16, progress=False
        )
    assert path.read_bytes() == saved


@pytest.mark.parametrize("mode", [True, False])
def test_evaluation_leaves_the_mode_and_the_gradients_as_they_were(mode):
    model, *_ = setup()
    model.train(mode)
    train.evaluate(model, F.cross_entropy, X, y)
    assert model.training == mode and all(p.grad is None for p in model.parameters())


def test_a_whole_epoch_takes_each_row_once():
    seen = []

    class Seeing(nn.Linear):
        def forward(self, x):
            seen.extend(x.data[:, 0].tolist())
            return super().forward(x)

    model = Seeing(4, 2)
    optimiser = optim.SGD(model.parameters(), lr=0.1)
    train.train_epoch(model, F.cross_entropy, optimiser, X, y, np.random.default_rng(0), batch_size=32)
    assert sorted(seen) == sorted(X[:, 0].tolist()) and seen != X[:, 0].tolist()


def test_a_checkpoint_of_another_run_is_refused_before_anything_changes(tmp_path):
    path = tmp_path / "run.npz"
    run(2, path)
    model, _, _, rng = setup()
    adamw = optim.AdamW(model.parameters())
    others = {
        "does not fit SGD": train.Run(model, sgd := optim.SGD(model.parameters(), momentum=0.9), schedules.LambdaLR(sgd, schedules.cosine(9)), rng),
        "schedule: True": train.Run(model, adamw, None, rng),
    }  # fmt: skip
    for words, other in others.items():
        with pytest.raises(ValueError, match=words):
            other.load(path)
    no_dropout = train.Run(nn.Linear(4, 2), adamw, schedules.LambdaLR(adamw, schedules.cosine(9)), rng)
    with pytest.raises(ValueError, match="of a run with 2 generators"):
        no_dropout.load(path)


@pytest.mark.parametrize("rows, labels", [(0, 0), (4, 3)])
def test_rows_without_labels_and_no_rows_are_refused_at_once(rows, labels):
    model, optimiser, _, rng = setup()
    empty = X[:rows], y[:labels]
    for data in [((X, y), empty), (empty, (X, y))]:
        with pytest.raises(ValueError, match=f"{rows} rows of X, {labels} of y"):
            train.fit(model, F.cross_entropy, optimiser, *data, 1, rng, progress=False)
    with pytest.raises(ValueError, match="wanted one for each"):
        train.evaluate(model, F.cross_entropy, *empty)


def test_a_validation_loss_that_is_not_finite_is_told():
    model, optimiser, _, rng = setup()
    bad = np.full_like(X, np.nan)
    with pytest.raises(FloatingPointError, match="the validation loss is nan after epoch 1"):
        train.fit(model, F.cross_entropy, optimiser, (X, y), (bad, y), 3, rng, progress=False)


def test_evaluation_leaves_a_frozen_part_frozen_also_after_an_error():
    model, *_ = setup()
    model.train()
    model.children()[2].eval()  # a batch norm
    with pytest.raises(ValueError):
        train.evaluate(model, F.mse_loss, X, y)
    train.evaluate(model, F.cross_entropy, X, y)
    assert [m.training for m in model.children()] == [True, True, False, True, True]


def test_a_folder_that_is_not_there_is_told_before_the_first_epoch(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder for it"):
        run(1, tmp_path / "none" / "run.npz")


def test_a_run_that_goes_on_says_so(tmp_path, capsys):
    path = tmp_path / "run.npz"
    run(2, path)
    model, optimiser, scheduler, rng = setup()
    train.fit(model, F.cross_entropy, optimiser, (X, y), (X, y), 2, rng, scheduler=scheduler, path=path)
    assert "goes on after epoch 2; delete it to start anew" in capsys.readouterr().out
