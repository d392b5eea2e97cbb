"""The course's engine beside PyTorch, HIPS autograd, JAX and micrograd: `make bench`.

    python tests/bench.py [--repeat 30] [--quick] [--out book]

The nets: a process for each number of BLAS threads, in which the contenders take turns. The scalar engines: a
process for each contender, again and again in turns, for micrograd leaves garbage that would slow down whoever
runs beside it. All begin at one start and must agree about the loss after three steps. With one thread the
clock counts CPU seconds of the process, with two the seconds on the wall. A ratio is that of the medians; the
reference has ratio 1. A contender that is not installed is left out. Writes bench.csv, bench.txt (the machine)
and _static/bench.png in the folder ``--out``.
"""

import argparse
import csv
import gc
import importlib
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gdcourse import functional, nn, optim, tensor
from gdcourse.datasets import moons
from gdcourse.scalar import Value, dot

PEERS = ("torch", "autograd", "jax", "micrograd")
OURS, TORCH, HIPS, MICRO = "gdcourse", "torch eager", "HIPS autograd", "micrograd"
VALUE, SUM, DOT = "Value", "Value, + and *", "Value, dot"
MLP, GPT, CNN = "MLP", "character GPT", "CNN 28x28"
SCALAR, NODE, MEMORY = "scalar MLP", "one node", "GPT, peak memory"
GOALS = {  # upper limits of the ratio, with one thread; the reference is torch, for the scalar MLP micrograd
    (MLP, OURS): 1.0, (GPT, OURS): 1.1, (CNN, OURS): 1.5, (NODE, OURS): 0.7, (MEMORY, OURS): 0.9,
    (SCALAR, SUM): 1 / 12, (SCALAR, DOT): 1 / 40,
}  # fmt: skip
rng = np.random.default_rng(0)

# The models, written once: ``t``, ``nn``, ``F`` are ours or torch's. And once more for those who have only arrays.


def mlp(t, nn, F, sizes):
    layers = [layer for n, o in zip(sizes, sizes[1:]) for layer in (nn.Linear(n, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def mlp_of_arrays(np, p, x):
    weights = [name[:-7] for name in p if name.endswith(".weight")]
    for name in weights:
        x = x @ p[f"{name}.weight"].T + p[f"{name}.bias"]
        x = x if name == weights[-1] else np.maximum(x, 0)
    return x


def cnn(t, nn, F):
    conv = lambda n, o, stride: (nn.Conv2d(n, o, 3, stride=stride, padding=1), nn.ReLU())
    return nn.Sequential(
        *conv(1, 16, 1), *conv(16, 32, 2), *conv(32, 64, 2), nn.Flatten(), nn.Linear(64 * 49, 10)
    )


def gpt(t, nn, F, layers, heads, d, T, vocabulary=65):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.q, self.k, self.v, self.proj = (nn.Linear(d, d) for _ in range(4))
            self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

        def forward(self, x):
            y = self.ln_1(x)
            q, k, v = (
                f(y).reshape(*x.shape[:2], heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (batch, heads, T, d / heads)
            x = x + self.proj(y.transpose(1, 2).reshape(*x.shape))
            return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocabulary, d), nn.Embedding(T, d)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.ln_f, self.head = nn.LayerNorm(d), nn.Linear(d, vocabulary)

        def forward(self, ids):
            return self.head(self.ln_f(self.blocks(self.wte(ids) + self.wpe(t.arange(ids.shape[1])))))

    return GPT()


def gpt_of_arrays(np, p, ids, heads):
    linear = lambda name, x: x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def layer_norm(name, x):
        r = x - x.mean(-1, keepdims=True)
        return r / np.sqrt((r * r).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def gelu(x):
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))) * 0.5

    m, T = ids.shape
    later = np.array([[0.0 if j <= i else -1e9 for j in range(T)] for i in range(T)], dtype=np.float32)
    x = p["wte.weight"][ids] + p["wpe.weight"][:T]
    for b in sorted({name[:8] for name in p if name.startswith("blocks")}):  # "blocks.0", ...
        y = layer_norm(f"{b}.ln_1", x)
        q, k, v = (linear(f"{b}.{w}", y).reshape(m, T, heads, -1).swapaxes(1, 2) for w in "qkv")
        s = q @ k.swapaxes(2, 3) * (1 / math.sqrt(q.shape[-1])) + later
        e = np.exp(s - s.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True) @ v
        x = x + linear(f"{b}.proj", y.swapaxes(1, 2).reshape(x.shape))
        x = x + linear(f"{b}.down", gelu(linear(f"{b}.up", layer_norm(f"{b}.ln_2", x))))
    return linear("head", layer_norm("ln_f", x))


# The contenders: each function returns one training step, which returns the loss before it.


def with_modules(t, nn, F, optim, make, start, X, y, optimiser):
    """Ours and torch."""
    model = make(t, nn, F)
    model.load_state_dict({name: t.tensor(a) for name, a in start.items()})
    rule, options = optimiser
    rule, X, y = getattr(optim, rule)(model.parameters(), **options), t.tensor(X), t.tensor(y).reshape(-1)

    def step():
        logits = model(X)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.item()

    return step


def with_arrays(np, value_and_grad, jit, forward, start, X, y, optimiser):
    """HIPS autograd and JAX: gradients of a function of a dictionary of arrays."""
    name, options = optimiser
    beta1, beta2, eps, decay, lr = 0.9, 0.999, 1e-8, 0.01, options["lr"]  # AdamW's, as in torch
    rows, y = np.arange(y.size), y.reshape(-1)

    def loss(p):
        z = forward(np, p, X)
        z = z.reshape(-1, z.shape[-1])
        z = z - z.max(-1, keepdims=True)
        return (np.log(np.exp(z).sum(-1)) - z[rows, y]).mean()

    def update(p, m, v, t):
        value, g = value_and_grad(loss)(p)
        if name == "SGD":
            return value, {k: p[k] - lr * g[k] for k in p}, m, v
        m = {k: beta1 * m[k] + (1 - beta1) * g[k] for k in p}
        v = {k: beta2 * v[k] + (1 - beta2) * g[k] * g[k] for k in p}
        a, b = lr / (1 - beta1**t), 1 / (1 - beta2**t) ** 0.5
        return value, {k: p[k] * (1 - lr * decay) - a * m[k] / (np.sqrt(v[k]) * b + eps) for k in p}, m, v

    zeros = {k: np.zeros_like(a) for k, a in start.items()}
    state, t, update = (start, zeros, zeros), 0.0, jit(update)

    def step():
        nonlocal state, t
        t += 1
        value, *state = update(*state, t)
        return float(value)

    return step


def found(name):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def modules(name):
    """torch, nn, F and optim of one of the two."""
    if name == OURS:
        return tensor, nn, functional, optim
    torch = found("torch")
    return torch, torch.nn, torch.nn.functional, torch.optim


def trainers(make, of_arrays, X, y, optimiser):
    """{contender: its step}, of those that are installed, all from one start."""
    problem = make(*modules(OURS)[:3]).state_dict(), X, y, optimiser
    names = (TORCH, OURS) if found("torch") else (OURS,)
    steps = {name: with_modules(*modules(name), make, *problem) for name in names}
    if of_arrays and found("autograd.numpy"):
        autograd = found("autograd")
        steps[HIPS] = with_arrays(autograd.numpy, autograd.value_and_grad, lambda f: f, of_arrays, *problem)
    if of_arrays and (jax := found("jax")):
        steps["JAX, jit"] = with_arrays(jax.numpy, jax.value_and_grad, jax.jit, of_arrays, *problem)
    return steps


def scalar_trainer(name, points):
    """micrograd's demo, number by number: a net 2-16-16-1, hinge loss on two moons, weight decay."""
    Value = scalar_engine(name)
    X, y, *_ = moons(points, 0.1, rng)
    signs, shapes = (2 * y - 1).tolist(), ((2, 16), (16, 16), (16, 1))
    start = [rng.uniform(-1, 1, (o, n)).tolist() for n, o in shapes]
    neuron = dot if name == DOT else lambda w, x, b: sum((wi * xi for wi, xi in zip(w, x)), b)
    net = [[([Value(w) for w in row], Value(0.0)) for row in W] for W in start]
    params = [p for layer in net for w, b in layer for p in (*w, b)]

    def score(x):
        for layer in net:
            x = [neuron(w, x, b) for w, b in layer]
            x = x if layer is net[-1] else [z.relu() for z in x]
        return x[0]

    def step():
        scores = [score([Value(v) for v in row]) for row in X.tolist()]
        losses = [(1 + -sign * s).relu() for s, sign in zip(scores, signs)]
        decay = sum((p * p for p in params), Value(0.0))
        loss = sum(losses, Value(0.0)) * (1 / len(losses)) + 1e-4 * decay
        for p in params:
            p.grad = 0.0
        loss.backward()
        for p in params:
            p.data -= 0.1 * p.grad
        return loss.data

    return step


def scalar_engine(name):
    return found("micrograd.engine").Value if name == MICRO else Value


def chain(name, n):
    """A chain of n operations on one number: forward, backward, free."""
    one = np.full(1, 0.5, np.float32)
    leaves = {
        TORCH: lambda: found("torch").tensor(one, requires_grad=True),
        OURS: lambda: tensor.tensor(one, requires_grad=True),
    }
    leaf = leaves.get(name, lambda: scalar_engine(name)(0.5))

    def run(w, c):
        x = w
        for _ in range(n // 2):
            x = x * c
            x = x + w
        return x

    def step():
        x = run(leaf(), leaf())
        x.backward()
        return x.item() if hasattr(x, "item") else x.data

    both = found("autograd").value_and_grad(lambda leaves: run(*leaves).sum()) if name == HIPS else None
    return (lambda: both((one, one))[0]) if both else step


# Measuring.


def agree(losses):
    """AssertionError unless all contenders, {name: loss}, have computed the same."""
    np.testing.assert_allclose(
        [*losses.values()], next(iter(losses.values())), rtol=1e-4, err_msg=f"{losses}"
    )


def measure(what, steps, repeat, clock=time.process_time, number=1):
    """{contender: median milliseconds of a step}; they take turns, ``number`` steps at a time."""
    agree({name: [step() for _ in range(3)][-1] for name, step in steps.items()})
    times = {name: [] for name in steps}
    for k in tqdm(range(repeat), what, leave=False, disable=None):
        for name in list(steps)[:: 1 if k % 2 else -1]:  # nobody always follows the same neighbour
            gc.collect()  # nobody pays for another's garbage
            times[name] += [timed(steps[name], clock, number)]
    return {name: float(np.median(t)) for name, t in times.items()}


def timed(step, clock=time.process_time, number=1):
    """Milliseconds of a step, the mean of ``number``."""
    begin = clock()
    for _ in range(number):
        step()
    return (clock() - begin) * 1e3 / number


def workloads(quick):
    """{benchmark: (make, the same of arrays, X, y, optimiser, steps at a time)}"""
    f32 = lambda *shape: rng.normal(size=shape).astype(np.float32)
    labels = lambda high, *shape: rng.integers(0, high, shape)
    sizes, m = ((20, 16, 10), 8) if quick else ((784, 256, 128, 10), 128)
    layers, heads, d, T, B = (1, 2, 16, 8, 2) if quick else (4, 4, 128, 64, 16)
    images, sgd = 2 if quick else 64, ("SGD", {"lr": 0.01})
    make_gpt = lambda *modules: gpt(*modules, layers, heads, d, T)
    gpt_arrays = lambda *args: gpt_of_arrays(*args, heads)
    return {
        MLP: (lambda *modules: mlp(*modules, sizes), mlp_of_arrays, f32(m, sizes[0]), labels(10, m), sgd, 5),
        GPT: (make_gpt, gpt_arrays, labels(65, B, T), labels(65, B, T), ("AdamW", {"lr": 1e-3}), 1),
        CNN: (cnn, None, f32(images, 1, 28, 28), labels(10, images), sgd, 1),
    }


def nets(threads, quick, repeat):
    """Rows (benchmark, threads, contender, median, unit) of one process."""
    for name in PEERS:
        found(name)
    gc.collect()
    gc.freeze()  # else each run of the collector reads all of torch's own objects again, at our cost
    clock, rows = time.process_time if threads == 1 else time.perf_counter, []
    for name, (*problem, number) in workloads(quick).items():
        times = measure(name, trainers(*problem), repeat, clock, number)
        rows += [(name, threads, contender, t, "ms") for contender, t in times.items()]
    if threads == 1:  # there is no BLAS in a chain of single numbers
        n = 100 if quick else 10_000
        names = [TORCH] * bool(found("torch")) + [OURS] + [HIPS] * bool(found("autograd"))
        times = measure(NODE, {name: chain(name, n) for name in names}, repeat)
        rows += [(NODE, 1, contender, t * 1e3 / n, "us") for contender, t in times.items()]
    return rows


def tricks(quick, repeat):
    """Rows of what each trick of the engine buys: a formula step by step, and as the engine has it."""
    t, F, (m, n), T = tensor, functional, (64, 16) if quick else (1024, 128), 8 if quick else 64
    draw = lambda *shape: t.Tensor(rng.normal(size=shape).astype(np.float32), requires_grad=True)
    x, W, w, b = draw(m, n), draw(4 * n, n), draw(n), draw(4 * n)
    q, k, v = (draw(m // T, 4, T, n // 4) for _ in range(3))
    ids, later = rng.integers(0, 65, m), np.triu(np.full((T, T), -1e9, np.float32), 1)
    c, table = math.sqrt(2 / math.pi), draw(65, n)
    rows, ones, a = np.arange(m), np.ones((1, m), np.float32), x.data

    def attention(q, k, v):
        return F.softmax(q @ k.mT * (1 / math.sqrt(q.shape[-1])) + later, -1) @ v

    def layer_norm(x, w):
        r = x - x.mean(-1, keepdim=True)
        return r / ((r * r).mean(-1, keepdim=True) + 1e-5).sqrt() * w

    pairs = {  # trick: (step by step, as it is, inputs); arrays in place of tensors: no backward
        "x * x * x": (lambda a: a**3, lambda a: a * a * a, [a]),
        "column sum as a product": (lambda a: a.sum(0, keepdims=True), lambda a: ones @ a, [a]),
        "one tall product": (lambda x, W, b: x @ W.T + b, F.linear, [x.reshape(m // T, T, n), W, b]),
        "gelu": (
            lambda x: 0.5 * x * (1 + (c * (x + 0.044715 * x * x * x)).tanh()),
            lambda x: F.gelu(x, approximate="tanh"), [F.linear(x, W)],
        ),
        "layer norm": (layer_norm, lambda x, w: F.layer_norm(x, (n,), w), [x, w]),
        "cross-entropy": (
            lambda z: -F.log_softmax(z, 1)[rows, ids].mean(), lambda z: F.cross_entropy(z, ids), [draw(m, 65)],
        ),
        "attention": (attention, lambda *qkv: F.scaled_dot_product_attention(*qkv, is_causal=True), [q, k, v]),
        "embedding": (lambda table: table[ids], lambda table: F.embedding(ids, table), [table]),
    }  # fmt: skip
    measured = []
    for name, (plain, trick, inputs) in pairs.items():

        def stepper(f, inputs=inputs):
            leaves = [x if isinstance(x, np.ndarray) else t.tensor(x, requires_grad=True) for x in inputs]

            def step():
                y = f(*leaves)
                if not isinstance(y, np.ndarray):
                    y.backward(np.ones(y.shape))
                return float(y.sum())

            return step

        times = measure(name, {"plain": stepper(plain), "trick": stepper(trick)}, repeat, number=3)
        measured += [(f"trick: {name}", 1, contender, t, "ms") for contender, t in times.items()]
    return measured


def scalar(name, quick):
    """[the loss after three steps, milliseconds of each of five more]"""
    step = scalar_trainer(name, 10 if quick else 100)
    return [[step() for _ in range(3)][-1], *(timed(step) for _ in range(5))]


def depth(name, quick):
    """{number of nodes: microseconds for each of them}, as far as the contender gets."""
    times = {}
    for n in [10**k for k in range(1, 4 if quick else 7)]:
        step, number = chain(name, n), max(1, 10_000 // n)
        try:
            times[n] = np.median([timed(step, number=number) for _ in range(3)]) * 1e3 / n
        except RecursionError:
            break
    return times


def memory(name, quick):
    """Megabytes by which three steps of the GPT make this process grow, at most, over the built model."""
    make, _, *problem, _ = workloads(quick)[GPT]
    start, status = make(*modules(OURS)[:3]).state_dict(), Path("/proc/self/status")
    step = with_modules(*modules(name), make, start, *problem)
    size = lambda key: int(status.read_text().split(key)[1].split()[0]) / 1024
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = size("VmRSS:")
    for _ in range(3):
        step()
    return size("VmHWM:") - before


# The table and the figure.


def child(threads, *job):
    """What ``job``, (kind, arguments ...), returns in a process of its own, with that many BLAS threads."""
    names = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
    env = os.environ | dict.fromkeys(names, str(threads))
    command = [sys.executable, __file__, "--job", json.dumps(job)]
    run = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def with_ratios(rows, goals):
    """The rows with the ratio to the reference and, for one thread, a word about the goal, if ``goals``."""
    medians = {(benchmark, threads, name): t for benchmark, threads, name, t, _ in rows}
    for benchmark, threads, name, t, unit in rows:
        reference = MICRO if benchmark == SCALAR else "plain" if benchmark.startswith("trick") else TORCH
        base = medians.get((benchmark, threads, reference), math.nan)
        at_most, goal = GOALS.get((benchmark, name)), ""
        if goals and threads == 1 and at_most and base == base:
            goal = f"at most {at_most:.3g}: {'met' if t <= at_most * base else 'missed'}"
        if goals and threads == 1 and name == HIPS:
            goal = f"at least 2 x ours: {'met' if t >= 2 * medians[benchmark, 1, OURS] else 'missed'}"
        yield benchmark, threads, name, f"{t:.4g}", unit, f"{t / base:.3f}" if base == base else "", goal


def machine():
    """Processor, BLAS, versions and date in one line."""
    cpu, blas = Path("/proc/cpuinfo"), np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    lines = cpu.read_text().splitlines() if cpu.exists() else [f"model name: {platform.processor()}"]
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", *PEERS) if found(name)]
    about = [*names[:1], f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    if threadpoolctl := found("threadpoolctl"):
        about += {pool["architecture"] for pool in threadpoolctl.threadpool_info() if "architecture" in pool}
    return ", ".join([*about, f"{blas['name']} {blas['version']}", *versions, str(date.today())])


def picture(rows, path):
    """Bars: the ratios with one thread. Lines: the time for a node as the graph grows."""
    from gdcourse import plot

    fig, (left, right) = plot.figure(2, width=9, height=4.6)
    compared = [r for r in rows if r[1] == 1 and r[5] not in ("", "1.000")]
    bars = [r for r in compared if not ("nodes" in r[0] or "trick" in r[0])][::-1]
    for k, (benchmark, _, name, _, _, ratio, _) in enumerate(bars):
        ours = name == OURS or name.startswith("Value")
        left.barh(k, float(ratio) - 1, left=1, color=plot.BLUE if ours else plot.ORANGE)  # begins at 1
        if (benchmark, name) in GOALS:
            left.plot(GOALS[benchmark, name], k, "|", color=plot.INK, markersize=12)
    left.set_yticks(range(len(bars)), [f"{r[0]}, {r[2]}: {r[5]}" for r in bars], fontsize=8)
    left.axvline(1, color=plot.INK)
    left.set(xscale="log", xlabel="ratio to torch or micrograd; strokes: goals", title="one thread")
    for k, name in enumerate((OURS, TORCH, VALUE, MICRO)):
        mine = [row for row in rows if "nodes" in row[0] and row[2] == name]
        depths = [(int(row[0].split()[0]), float(row[3])) for row in mine]
        if depths:
            right.plot(*zip(*depths), color=plot.COLOURS[k], marker=plot.MARKERS[k], label=name)
    right.set(xscale="log", yscale="log", xlabel="nodes", ylabel="microseconds for a node", title="depth")
    right.legend()
    path.write_bytes(plot.png(fig))


def measure_all(quick, repeat):
    """The rows of all processes."""
    rows = [row for threads in (1, 2) for row in child(threads, "nets", threads, quick, repeat)]
    rows += child(1, "tricks", quick, repeat)
    names = [MICRO] * bool(found("micrograd")) + [SUM, DOT]
    turns = [name for _ in range(max(1, repeat // 5)) for name in names]
    runs = {name: [] for name in names}
    for name in tqdm(turns, SCALAR, leave=False, disable=None):
        runs[name].append(child(1, "scalar", name, quick))
    agree({name: turns[0][0] for name, turns in runs.items()})
    rows += [(SCALAR, 1, name, float(np.median([t[1:] for t in runs[name]])), "ms") for name in names]
    names = [TORCH] * bool(found("torch")) + [OURS, VALUE] + [MICRO] * bool(found("micrograd"))
    chains = {
        name: child(1, "depth", name, quick) for name in tqdm(names, "depth", leave=False, disable=None)
    }
    depths = [(f"{n} nodes", 1, name, t, "us") for name, times in chains.items() for n, t in times.items()]
    rows += sorted(depths, key=lambda row: int(row[0].split()[0]))
    if Path("/proc/self/clear_refs").exists():  # Linux
        for name in [TORCH] * bool(found("torch")) + [OURS]:
            turns = [child(1, "memory", name, quick) for _ in range(3)]
            rows.append((MEMORY, 1, name, float(np.median(turns)), "MB"))
    return list(with_ratios(rows, goals=not quick))


def main():
    parser = argparse.ArgumentParser(description="Our engine beside others; see the top of this file.")
    parser.add_argument("--repeat", type=int, default=30, help="turns of each contender")
    parser.add_argument("--quick", action="store_true", help="three turns, small sizes: does it run?")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "book", help="folder for the files"
    )
    parser.add_argument("--job", help=argparse.SUPPRESS)  # what a child does: a list in JSON
    args = parser.parse_args()
    if args.job:
        jobs = {"nets": nets, "tricks": tricks, "scalar": scalar, "depth": depth, "memory": memory}
        kind, *rest = json.loads(args.job)
        print(json.dumps(jobs[kind](*rest)))
        return
    print(*[f"{name} is not installed: left out" for name in PEERS if not found(name)], sep="\n")
    rows = measure_all(args.quick, 3 if args.quick else args.repeat)
    for row in rows:
        print("{:22} {} {:17} {:>9} {:2} {:>8}  {}".format(*row))
    print(machine())
    (args.out / "_static").mkdir(parents=True, exist_ok=True)
    with open(args.out / "bench.csv", "w", newline="", encoding="utf8") as file:
        header = ("benchmark", "threads", "contender", "median", "unit", "ratio", "goal")
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    (args.out / "bench.txt").write_text(machine() + "\n", encoding="utf8")
    picture(rows, args.out / "_static" / "bench.png")


if __name__ == "__main__":
    main()
