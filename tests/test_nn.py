"""Modules: names, starts and states as in torch, and whole models with torch's loss curves."""

import numpy as np
import pytest
import torch

from gdcourse import functional, nn, optim, tensor
from gdcourse.tensor import Tensor

torch.set_num_threads(1)
rng = np.random.default_rng(0)
X28, IMAGES, TOKENS = rng.normal(size=(40, 20)), rng.normal(size=(16, 1, 8, 8)), rng.integers(0, 11, (6, 9))


def mlp(t, nn, F):
    return nn.Sequential(
        nn.Linear(20, 16),
        nn.Tanh(),
        nn.LayerNorm(16),
        nn.Linear(16, 16),
        nn.ReLU(),
        nn.BatchNorm1d(16),
        nn.Linear(16, 5),
    )


def cnn(t, nn, F):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 5),
    )  # fmt: skip


def recurrent(cell):
    def make(t, nn, F):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding, self.cell, self.head = (
                    nn.Embedding(11, 6),
                    getattr(nn, cell)(6, 7),
                    nn.Linear(7, 5),
                )

            def forward(self, ids):
                x, state = self.embedding(ids), None
                for k in range(x.shape[1]):
                    state = self.cell(x[:, k], state)
                return self.head(state[0] if isinstance(state, tuple) else state)

        return Model()

    return make


def gpt(t, nn, F):
    class Block(nn.Module):
        def __init__(self, d, heads):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = (
                nn.LayerNorm(d),
                nn.MultiheadAttention(d, heads, batch_first=True),
                nn.LayerNorm(d),
            )
            self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d))

        def forward(self, x):
            y, T = self.ln_1(x), x.shape[1]
            look = t.tensor(np.triu(np.ones((T, T), bool), 1))  # true: may not look
            x = x + self.attn(y, y, y, attn_mask=look, need_weights=False)[0]
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(11, 8), nn.Embedding(9, 8)
            self.blocks = nn.ModuleList([Block(8, 2), Block(8, 4)])
            self.ln_f, self.head = nn.LayerNorm(8), nn.Linear(8, 11, bias=False)
            self.head.weight = self.wte.weight  # tied

        def forward(self, ids):
            x = self.wte(ids) + self.wpe(t.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.ln_f(x))

    return GPT()


Y = rng.integers(0, 5, 40)
MODELS = {
    "MLP": (mlp, X28, Y, "SGD", dict(lr=0.1, momentum=0.9)),
    "CNN": (cnn, IMAGES, Y[:16], "Adam", dict(lr=1e-2)),
    "RNN": (recurrent("RNNCell"), TOKENS, Y[:6], "RMSprop", dict(lr=1e-3)),
    "LSTM": (recurrent("LSTMCell"), TOKENS, Y[:6], "Adam", dict(lr=1e-2)),
    "GPT": (gpt, TOKENS[:, :-1], TOKENS[:, 1:], "AdamW", dict(lr=3e-3)),
}  # fmt: skip


def curve(model, make_optimiser, options, t, F, X, y, steps=50):
    optimiser, losses = make_optimiser(model.parameters(), **options), []
    for _ in range(steps):
        logits = model(t.tensor(X))
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), t.tensor(y).reshape(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_learns_as_under_torch(name):
    make, X, y, optimiser, options = MODELS[name]
    ours, theirs = make(tensor, nn, functional).double(), make(torch, torch.nn, torch.nn.functional).double()
    ours.load_state_dict(theirs.state_dict())
    a = curve(ours, getattr(optim, optimiser), options, tensor, functional, X, y)
    b = curve(theirs, getattr(torch.optim, optimiser), options, torch, torch.nn.functional, X, y)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert a[-1] < 0.9 * a[0]
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(
        ours(Tensor(X)).data, theirs(torch.tensor(X)).detach().numpy(), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", MODELS)
def test_names_shapes_and_float32_are_those_of_torch(name):
    make, X, y, *_ = MODELS[name]
    ours, theirs = make(tensor, nn, functional), make(torch, torch.nn, torch.nn.functional)
    shapes = lambda state: {k: (tuple(v.shape), str(v.dtype).replace("torch.", "")) for k, v in state.items()}
    assert shapes(ours.state_dict()) == shapes(theirs.state_dict())
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    out = ours(Tensor(X.astype(np.float32) if X.dtype == float else X))
    out.sum().backward()
    assert out.dtype == np.float32 and all(
        p.grad.dtype == np.float32 for p in ours.parameters() if p.grad is not None
    )


@pytest.mark.parametrize("name, args", [
    ("Linear", (30, 50)), ("Embedding", (50, 30)), ("Conv2d", (8, 100, 3)), ("RNNCell", (20, 30)), ("LSTMCell", (20, 30)), ("MultiheadAttention", (32, 4)),
    ("LayerNorm", (5,)), ("BatchNorm1d", (5,)), ("BatchNorm2d", (5,)),
])  # fmt: skip
def test_parameters_start_in_torchs_distributions(name, args):
    torch.manual_seed(0)
    drawn = {} if "Norm" in name else dict(rng=np.random.default_rng(0))
    ours, theirs = getattr(nn, name)(*args, **drawn), getattr(torch.nn, name)(*args)
    for (key, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        a, b = p.data, q.detach().numpy()
        slack = 5 / np.sqrt(a.size)  # of the standard error
        assert (
            abs(a.std() - b.std()) <= slack * b.std() and abs(a.mean() - b.mean()) <= slack * b.std() + 1e-12
        ), key


@pytest.mark.parametrize("name, options", [("xavier_uniform_", {}), ("xavier_uniform_", dict(gain=2.0)), ("kaiming_normal_", dict(nonlinearity="relu")),
    ("kaiming_normal_", dict(nonlinearity="linear")), ("uniform_", dict(a=-1.0, b=3.0)), ("normal_", dict(mean=1.0, std=0.1)), ("zeros_", {})])  # fmt: skip
@pytest.mark.parametrize("shape", [(200, 300), (40, 50, 3, 3)])
def test_initialisers_are_torchs(name, options, shape):
    torch.manual_seed(0)
    drawn = {} if name == "zeros_" else dict(generator=np.random.default_rng(0))
    ours = getattr(nn.init, name)(nn.Parameter(np.ones(shape, np.float32)), **options, **drawn).data
    theirs = getattr(torch.nn.init, name)(torch.ones(shape), **options).numpy()
    for f in (np.mean, np.std, lambda a: np.quantile(a, 0.99)):
        assert abs(f(ours) - f(theirs)) <= 0.05 * theirs.std()


def test_a_generator_repeats_itself_and_none_does_not():
    draw = lambda rng: nn.Linear(3, 2, rng=rng).weight.data
    assert np.array_equal(
        draw(np.random.default_rng(0)), draw(np.random.default_rng(0))
    ) and not np.array_equal(draw(None), draw(None))


def test_train_and_eval_reach_every_module():
    model = nn.Sequential(nn.Dropout(0.5, rng=np.random.default_rng(0)), nn.Sequential(nn.Dropout(0.5)))
    x = Tensor(np.ones(100, np.float32))
    assert (model(x).data == 0).any() and model.eval() is model and (model(x).data == 1).all()
    assert model.train() is model and all(m.training for m in model.modules())


def test_zero_grad_forgets_all_gradients():
    model = nn.Linear(2, 1)
    model(Tensor(np.ones((3, 2), np.float32))).sum().backward()
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_state_with_other_names_or_shapes_is_refused_and_nothing_changes():
    model = nn.Linear(2, 1)
    before = model.state_dict()
    with pytest.raises(KeyError, match="missing .*bias.*unexpected .*b'"):
        model.load_state_dict({"weight": np.ones((1, 2)), "b": np.ones(1)})
    with pytest.raises(ValueError, match=r"bias has shape \(2,\); wanted \(1,\)"):
        model.load_state_dict({"weight": np.ones((1, 2)), "bias": np.ones(2)})
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())


def test_a_state_is_a_copy_and_goes_through_npz(tmp_path):
    model, other = nn.Linear(2, 1), nn.Linear(2, 1)
    state = model.state_dict()
    np.savez(tmp_path / "state.npz", **state)
    with tensor.no_grad():
        model.weight *= 0
    assert state["weight"].any()
    with np.load(tmp_path / "state.npz") as saved:
        other.load_state_dict(dict(saved))
    assert np.array_equal(other.weight.data, state["weight"])


def test_attention_masks_and_keys_of_another_length_are_torchs():
    ours, theirs = nn.MultiheadAttention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    q, kv = (rng.normal(size=s).astype(np.float32) for s in ((3, 4, 8), (3, 6, 8)))
    for mask in (None, np.eye(4, 6, dtype=bool), rng.normal(size=(4, 6)).astype(np.float32)):
        a, _ = ours(*map(Tensor, (q, kv, kv)), attn_mask=None if mask is None else Tensor(mask))
        b, _ = theirs(
            *map(torch.tensor, (q, kv, kv)),
            attn_mask=None if mask is None else torch.tensor(mask),
            need_weights=False,
        )
        np.testing.assert_allclose(a.data, b.detach().numpy(), atol=1e-6)


def test_batch_norm_follows_the_batch_in_training_and_wants_two_samples():
    ours, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    for _ in range(3):
        x = rng.normal(size=(5, 3)).astype(np.float32)
        ours(Tensor(x)), theirs(torch.tensor(x))
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(1, 3\) has 1 number"):
        ours(Tensor(np.ones((1, 3), np.float32)))


def test_a_state_that_does_not_fit_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = model.state_dict()
    for wrong in ({"0.weight": 0}, {**before, "1.bias": np.zeros(2)}, {**before, "1.bias": np.array(["a"])}):
        with pytest.raises((KeyError, ValueError)):
            model.load_state_dict({k: v + 1 if v is before.get(k) else v for k, v in wrong.items()})
    for name, x in model.state_dict().items():
        assert np.array_equal(x, before[name])


def test_the_scale_of_a_layer_norm_has_the_shape_of_what_is_normed():
    x = Tensor(np.ones((2, 4)))
    for shape in [(1, 4), (2, 4), (3,)]:
        with pytest.raises(
            ValueError, match=r"layer_norm: \(2, 4\), .*; wanted an input that ends with \(4,\)"
        ):
            functional.layer_norm(x, (4,), Tensor(np.ones(shape)))


x23 = Tensor(np.ones((2, 3), np.float32))


@pytest.mark.parametrize("make, error, words", [
    (lambda: nn.Sequential([nn.Linear(2, 2)]), TypeError, "place 0 holds a list; wanted modules"),
    (lambda: nn.Sequential(nn.Linear(2, 2), functional.relu), TypeError, "place 1 holds a function"),
    (lambda: nn.ModuleList([nn.ReLU]), TypeError, "place 0 holds a type"),
    (lambda: setattr(nn.Linear(2, 2), "weight", x23), TypeError, "weight is a Parameter; wanted .* got a Tensor"),
    (lambda: nn.Module().register_buffer("mask", np.ones(2)), TypeError, "buffer mask is a ndarray"),
    (lambda: nn.Module()(x23), NotImplementedError, "Module has no forward"),
    (lambda: nn.Linear(3, 2)(np.ones((2, 3), np.float32)), TypeError, "linear: wanted tensors, got a ndarray"),
    (lambda: nn.LSTMCell(3, 4)(x23[0]), ValueError, r"LSTMCell: x \(3,\), h .*; wanted \(m, n_in\), \(m, 4\)"),
    (lambda: nn.RNNCell(3, 4)(x23, x23), ValueError, r"RNNCell: x \(2, 3\), h \(2, 3\)"),
    (lambda: nn.LSTMCell(3, 3)(x23, (x23, x23[:, :1])), ValueError, r"LSTMCell: h \(2, 3\), c \(2, 1\)"),
    (lambda: nn.BatchNorm1d(4)(x23), ValueError, r"batch_norm: \(2, 3\), \(4,\); wanted"),
    (lambda: nn.MultiheadAttention(3, 1)(x23, x23, x23), ValueError, r"MultiheadAttention: query \(2, 3\)"),
])  # fmt: skip
def test_what_a_module_cannot_take_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_parameter_gives_way_to_a_parameter_or_to_none():
    layer = nn.Linear(2, 2)
    layer.weight, layer.bias = nn.Parameter(np.ones((2, 2), np.float32)), None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
