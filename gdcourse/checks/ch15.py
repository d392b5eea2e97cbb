"""Checks of the exercises of "Modules and a training loop" (notebooks/15_modules.ipynb)."""

from functools import cache

import numpy as np

from gdcourse.checks.core import Checker, draw, is_close, measured, numbers, parts, run, want_close
from gdcourse.probes import Mistake, ch15

check = Checker()


@check.exercise(points=1)
def adamw_by_hand(answer):
    m, v, w = numbers(run(answer), (3,), "(m, v, w)")
    want_close(m, -0.3, "m", [
        (0.3, "the sign of m is lost: it takes a share of g itself."),
        (-3.0, "m is not corrected: m_hat is -3, m is the share 1 - beta1 of g."),
        (-2.7, "m takes the share 1 - beta1 of the new gradient, not beta1."),
        (0.1, "the decay is decoupled in AdamW: it is not added to the gradient."),
    ], otherwise="m is not the share 1 - beta1 of the gradient.")  # fmt: skip
    want_close(v, 0.36, "v", [
        (9.0, "v is not corrected: v_hat is 9, v is the share 1 - beta2 of g^2."),
        (-0.12, "v is the running mean of the SQUARE of g."),
        (8.64, "v takes the share 1 - beta2 of the new square, not beta2."),
        (0.04, "the decay is decoupled: the square is that of the plain gradient."),
        (0.9, "that is v with beta1; v has its own beta2."),
    ], otherwise="v is not the share 1 - beta2 of the square of the gradient.")  # fmt: skip
    want_close(w, 3.7, "w", [
        (3.5, "the sign of the step is flipped: a negative gradient raises the weight."),
        (4.1, "the decay is missing (w shrinks by lr * decay first), or the root has v in place of v_hat."),
        (3.9, "the decay was added to g (in AdamW it stands apart), or m_hat is not divided by sqrt(v_hat)."),
        (3.65, "the means are not corrected: divide m by 1 - beta1 and v by 1 - beta2 first."),
        (3.69, "the decay comes first, then the step."),
        (0.1, "the decay is lr * decay, not decay alone."),
        (3.6, "that is after the decay; the step itself is missing."),
        (3.6 + 0.1 / 3, "the root of v_hat is missing: divide by sqrt(9)."),
    ], otherwise="w is not right: decay by lr * decay, then lr * m_hat / sqrt(v_hat).")  # fmt: skip


@check.exercise(points=1)
def parameters_by_hand(answer):
    learnt, kept = numbers(run(answer), (2,), "(numbers learnt, numbers kept)")
    want_close(learnt, 416, "the numbers learnt", [
        (576, "the tied matrix is counted twice: one parameter with two names is learnt once."),
        (396, "the bias of the head is missing: only its weight is tied."),
        (392, "layer norm learns, too: a scale and a shift for each place."),
        (404, "12 are missing: layer norm has two parameters, a scale and a shift; each linear layer has a bias."),
        (408, "the bias of the narrow layer is missing."),
        (417, "dropout learns nothing; p is a setting."),
        (376, "the biases of the linear layers are missing."),
        (256, "the embedding is a parameter, too: tied is not frozen."),
        (832, "that is what AdamW keeps, or everything twice; first the numbers learnt."),
    ], otherwise=f"{learnt:g} is not the number of numbers learnt: add up the shapes, layer by layer.")  # fmt: skip
    want_close(kept, 832, "the numbers kept", [
        (416, "AdamW keeps two arrays for each parameter, not one."),
        (1248, "beside the parameters: do not count these once more."),
        (840, "step counts aside: only the arrays."),
        (838, "step counts aside: only the arrays."),
        (0, "AdamW remembers: it has running means of the gradient and of its square."),
    ], otherwise=f"{kept:g} is not what AdamW keeps: how many arrays for each parameter?")  # fmt: skip


A, B, C, D, E = (np.full((k, 2), float(k)) for k in range(1, 6))
GIVEN = {"A": A, "B": B, "C": C, "D": D, "E": E, "twin": A.copy(), "empty": np.zeros((0, 3))}


def trees():
    """[(tree, {name: array})], with a shared array, equal twins, lists in lists and other things; the last is drawn.

    "#A" is the array A of GIVEN.
    """
    yield ({"table": {"weight": "#A"}, "blocks": [{"w": "#B"}, {"w": "#C"}],
            "head": {"weight": "#A", "bias": "#D"}, "rate": 0.1},
           {"table.weight": "A", "blocks.0.w": "B", "blocks.1.w": "C", "head.bias": "D"})  # fmt: skip
    yield {"w": "#A", "inner": {"w": "#B", "deep": {"w": "#C"}}, "bias": "#D"}, {
        "w": "A", "inner.w": "B", "inner.deep.w": "C", "bias": "D",
    }  # fmt: skip
    yield {"layers": ["#A", ["#B", {"c": "#C"}], "text", None], "n": 3, "again": ["#E", "#B"]}, {
        "layers.0": "A", "layers.1.0": "B", "layers.1.1.c": "C", "again.0": "E",
    }  # fmt: skip
    yield {"a": {"w": "#A"}, "b": {"w": "#twin"}}, {"a.w": "A", "b.w": "twin"}
    yield {"x": {"y": {"z": "#D"}}, "first": "#D", "e": "#empty"}, {"x.y.z": "D", "e": "empty"}
    yield {"empty": {}, "none": [], "rate": 0.5, "pair": ("#A", "#B")}, {}
    tree = grown(draw(155), "uvwxyz")
    first = {x: name for name, x in reversed(every(tree))}
    yield tree, {name: x for name, x in every(tree) if first[x] == name}


def grown(rng, keys, depth=2):
    """A drawn dictionary of arrays, other things, and in turn such dictionaries and lists."""
    leaves = [*(f"#{name}" for name in GIVEN), "text", None, 0.5]
    some = [leaves[k] for k in rng.integers(len(leaves), size=rng.integers(3, 5))]
    if depth:
        some[1:1] = [grown(rng, keys, depth - 1), list(grown(rng, keys, depth - 1).values())]
    return dict(zip(rng.permutation(list(keys)).tolist(), some))


def every(tree, prefix=""):
    """[(name, array's name)] of all places, in the order of the walk."""
    found = []
    for key, x in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(x, str) and x.startswith("#"):
            found.append((f"{prefix}{key}", x[1:]))
        elif isinstance(x, (dict, list)):
            found += every(x, f"{prefix}{key}.")
    return found


@check.exercise(points=2)
def named_arrays(answer):
    for tree, want in trees():
        got, which, again = run(answer, tree, GIVEN, probe=ch15.named)
        names, places = list(got), every(tree)
        if want and not got:
            raise Mistake("nothing is found: is the dictionary that you return the one that the walk fills?")
        if names != list(want):
            lost = [name for name in want if name not in got]
            more = [name for name in names if name not in want]
            aliases = {name for name, _ in places} - set(want)
            equal = [name for name in lost if any(
                x != want[name] and np.array_equal(GIVEN[want[name]], GIVEN[x]) for x in want.values())]  # fmt: skip
            if any(name.startswith("pair") for name in more):
                raise Mistake("pair is a tuple: only dictionaries and lists are walked, all else is skipped.")
            if set(more) - {name for name, _ in places}:
                strange = [name for name in more if name not in dict(places)]
                if set(want) <= set(names):
                    raise Mistake(
                        f"{strange[0]} is no place in this tree: does a dictionary from an earlier call live on? A default `{{}}` does."
                    )
            inside = [name for name in lost if any(key.isdigit() for key in name.split("."))]
            if more and set(more) <= aliases and not lost:
                raise Mistake(f"{more[0]} is an array that has a name already: keep the first name only.")
            late = [n for n in more if any(dict(places).get(n) == want[first] for first in lost)]
            if late and set(more) <= aliases:
                raise Mistake(f"a shared array is called {late[0]}: keep its first name, not a later one.")
            if equal and not more:
                raise Mistake(f"{equal[0]} is lost: equal numbers do not make two arrays one; compare `id`.")
            if any("." not in n for n in more) and all(n.split(".")[-1] == n for n in names) and lost:
                raise Mistake(f"a name is the whole path, joined with dots: wanted {lost[0]}, got {more[0]}.")
            if inside and set(more) <= aliases:
                raise Mistake(f"{inside[0]} is lost: look into lists, too, also within lists.")
            if sorted(names) == sorted(want):
                raise Mistake(
                    "the order is not that of the walk: go into a dictionary as soon as you meet it."
                )
            raise Mistake(f"wanted the names {list(want)}, got {names}.")
        for name, x in want.items():
            if not np.array_equal(got[name], GIVEN[x]):
                raise Mistake(f"{name} is not the array that stands there.")
        if again != names:
            raise Mistake(
                "a second call with the same arrays finds others: start each call with nothing found."
            )
        for name, array in zip(names, which):
            if array != want[name]:
                raise Mistake(f"{name} is a copy: return the array itself, the one that is to be learnt.")


def row_norm(x, eps):
    c = x - x.mean(axis=1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=1, keepdims=True) + eps)


@check.exercise(points=3)
def layer_norm_vjp(answer):
    rng = draw(151)
    for m, n, eps, size in ((4, 7, 1e-5, 1.0), (5, 3, 0.5, 2.0), (1, 6, 1e-5, 3.0), (6, 2, 1.0, 1.0)):
        x, u = size * rng.normal(size=(m, n)) + 1.5, rng.normal(size=(m, n))
        want = measured(lambda x: np.sum(u * row_norm(x, eps)), x, 1e-5)
        c = x - x.mean(axis=1, keepdims=True)
        v = (c * c).mean(axis=1, keepdims=True)
        s, y, mean = 1 / np.sqrt(v + eps), row_norm(x, eps), lambda a: a.mean(axis=1, keepdims=True)
        s0 = 1 / np.sqrt(v)
        y0 = c * s0
        s1 = 1 / np.sqrt(v * n / (n - 1) + eps)
        s2 = 1 / (np.sqrt(v) + eps)

        def column(u, x):
            c = x - x.mean(axis=0)
            s = 1 / np.sqrt((c * c).mean(axis=0) + eps)
            return s * (u - u.mean(axis=0) - s * c * (u * s * c).mean(axis=0))

        result = run(answer, u, x, eps)
        mistakes = [
            (s * u, "the two means are missing: x acts through its mean and its variance, too."),
            (s * (u - mean(u)), "the term through the variance is missing: y times the mean of u y."),
            (s * (u - y * mean(u * y)), "the term through the mean is missing: take off the mean of u."),
            (u * y, "that is u times the forward result; (2) has three terms."),
            (y, "that is y, the forward result; wanted dL/dx."),
            (s * (u - u.mean() - y * (u * y).mean()), "the means go over the whole array; each ROW has its own."),
            (s1 * (u - mean(u) - c * s1 * mean(u * c * s1)), "the variance is divided by n, not by n - 1."),
            (s2 * (u - mean(u) - c * s2 * mean(u * c * s2)), "eps stands under the root: 1 / sqrt(v + eps)."),
            (column(u, x), "mean and variance go over the samples, axis 0; each ROW is normalised by itself."),
            (u - mean(u) - y * mean(u * y), "the factor s = 1 / sqrt(v + eps) is missing."),
            (s * (u - mean(u) + y * mean(u * y)), "the sign of the last term is flipped: s falls when the variance grows."),
            (s * (u - mean(u) - c * mean(u * c)), "the last term has y, the normalised x, in both places, not x - mean."),
            (s * (u - mean(u) - y * (u * y).sum(axis=1, keepdims=True)), "the last term has the mean of u y over the row, not the sum."),
            (s * (u - u.mean(axis=0) - y * (u * y).mean(axis=0)), "the means go over the samples; each ROW is normalised by itself."),
            (0 * u, "the result is zero everywhere: did you put 1 in place of u?"),
            ((u - mean(u) - y * mean(u * y)) / (v + eps), "the factor is 1 / sqrt(v + eps); the root is missing."),
            (s0 * (u - mean(u) - y0 * mean(u * y0)), "eps is missing in the factor s."),
        ]  # fmt: skip
        want_close(result, want, "dL/dx", mistakes, rtol=1e-5, atol=1e-6, otherwise=(
            "dL/dx does not agree with measured slopes: check it with m = 1 first, term by term."
        ))  # fmt: skip


@check.exercise(points=2)
def adam_step(answer):
    rng = draw(152)
    for shape, t, beta1, beta2, eps in (((3,), 1, 0.9, 0.99, 1e-12), ((4,), 7, 0.9, 0.999, 0.1), ((2, 3), 2, 0.8, 0.95, 0.3),
                                        ((5,), 3, 0.5, 0.9, 0.05)):  # fmt: skip
        theta, g, m, lr = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape), 0.2
        v = rng.uniform(0.5, 2, size=shape)
        if t == 1:
            m, v = np.zeros(shape), np.zeros(shape)
        M, V = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
        a, b = 1 - beta1**t, 1 - beta2**t
        root = np.sqrt(V / b)
        result = run(answer, theta, g, m, v, t, lr, beta1, beta2, eps)
        new, got_m, got_v = parts(result, ("theta", "m", "v"))
        want_close(got_m, M, "m", [
            (M / a, "return m as it is, not m_hat: the correction is made anew in each step."),
            (m + beta1 * (g - m), "the shares are swapped: m keeps beta1 of itself and takes 1 - beta1 of g."),
            (beta1 * m + g, "g comes into m with the factor 1 - beta1."),
            (m, "m is not updated."),
            (V, "m and v are swapped in the result: wanted (theta, m, v)."),
        ], otherwise="m is not beta1 m + (1 - beta1) g.")  # fmt: skip
        want_close(got_v, V, "v", [
            (V / b, "return v as it is, not v_hat: the correction is made anew in each step."),
            (v + (1 - beta2) * (g - v), "v is the mean of g squared; the square is missing."),
            (v + (1 - beta1) * (g * g - v), "v has its own beta2."),
            (v, "v is not updated."),
        ], otherwise="v is not beta2 v + (1 - beta2) g^2.")  # fmt: skip
        if not np.isfinite(np.asarray(new, dtype=float)).all():
            raise Mistake("theta is not finite: is it 1 - beta**t, a power? 1 - beta * t goes below 0.")
        want_close(new, theta - lr * M / a / (root + eps), "theta", [
            (theta + lr * M / a / (root + eps), "the sign of the step is flipped: subtract it."),
            (theta - lr * M / (np.sqrt(V) + eps), "the correction is missing: divide m by 1 - beta1^t and v by 1 - beta2^t."),
            (theta - lr * M / a / np.sqrt(V / b + eps), "eps is added to the root, not under it."),
            (theta - lr * M / a / (V / b + eps), "the root is missing: divide by sqrt(v_hat) + eps."),
            (theta - lr * m / a / (np.sqrt(v / b) + eps), "the step uses the old means: update m and v first."),
            (theta - lr * M / (1 - beta1 ** (t + 1)) / (np.sqrt(V / (1 - beta2 ** (t + 1))) + eps),
             "t counts from 1 and has counted this step already: do not add 1."),
            (theta - lr * M / (1 - beta1) / (np.sqrt(V / (1 - beta2)) + eps), "the powers are missing: 1 - beta^t, not 1 - beta."),
            (theta - lr * M / (root + eps), "m is not corrected: divide it by 1 - beta1^t."),
            (theta - lr * M / a / root, "eps is missing beside the root."),
            (theta - lr * M / a * np.sqrt(b) / (np.sqrt(V) + eps), "eps comes after the correction: sqrt(v_hat) + eps."),
            (theta - lr * M / (1 - beta1 ** max(t - 1, 1)) / (np.sqrt(V / (1 - beta2 ** max(t - 1, 1))) + eps), "t counts from 1: do not subtract 1."),
            (theta - lr * M / a / (np.sqrt(V) + eps), "v is not corrected: divide it by 1 - beta2^t."),
            (theta - lr * g / (root + eps), "the step goes along m_hat, not along g."),
            (theta - M / a / (root + eps), "lr is missing."),
            (theta, "theta has not moved."),
        ], otherwise="theta is not theta - lr m_hat / (sqrt(v_hat) + eps).")  # fmt: skip


def line_run(X, y, w, b, lr, steps, keep=False, moving=True):
    """Descent on the line, with the two faults of the exercise where they are asked for."""
    M = np.column_stack([X, np.ones(len(X))])
    theta, total = np.append(w, b), np.zeros(len(w) + 1)
    mask = np.append(np.ones(len(w)), float(moving))
    for _ in range(steps):
        g = M.T @ (M @ theta - y) / len(y)
        total = total + g if keep else g
        theta = theta - lr * mask * total
    return theta


@check.exercise(points=2)
def train_line(answer):
    rng = draw(153)
    for m, n, steps in ((7, 2, 5), (9, 3, 1), (6, 1, 12), (8, 2, 0)):
        X, y, w, b = rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=n), 0.7
        given = X, y, w, b, 0.1, steps
        got_w, got_b = parts(run(answer, *given), ("w", "b"))
        got = np.append(numbers(got_w, (n,), "w"), numbers(got_b, (), "b"))
        want = line_run(*given)
        if is_close(got, want):
            continue
        halves = [(line_run(*given, keep=True, moving=False), "both bugs are still there: print b after each step, and the gradients."),
                  (line_run(*given, moving=False), "b never moves: `p -= ...` gives a plain number's copy p a new value, not b."),
                  (line_run(*given, keep=True), "the gradients still add up from step to step: each step needs its own alone.")]  # fmt: skip
        want_close(got, want, "(w, b)", halves + [
            (line_run(X, y, w, b, -0.1, steps), "the sign of the step is flipped: subtract lr times the gradient."),
            (line_run(X, y, w, b, 0.2, steps), "the steps are twice too long: the loss has 1/2, which cancels the 2."),
            (line_run(X, y, w, b, 0.1 * m, steps), "the mean is missing: divide both gradients by the number of samples."),
            (line_run(X, y, w, b, 0.1, steps + 1), "one step too many."),
            (line_run(X, y, w, b, 0.1, max(steps - 1, 0)), "one step is missing: is the return inside the loop, or the range too short?"),
            (line_run(X, y, w, b, 0.1, 1), "only one step is taken: is the return inside the loop?"),
            (in_turn(*given), "b takes its gradient where w has moved already: compute r once, then move both."),
            (np.append(w, b), "nothing has moved."),
            (line_run(X, y, 0 * w, 0.0, 0.1, steps), "it starts from zero: begin with the w and b that are given."),
        ], otherwise="(w, b) is not where the repaired loop ends: empty the gradients, and move b by its own name.")  # fmt: skip


def in_turn(X, y, w, b, lr, steps):
    """Descent whose b takes its gradient where w has already moved."""
    for _ in range(steps):
        w = w - lr * X.T @ (X @ w + b - y) / len(y)
        b = b - lr * (X @ w + b - y).mean()
    return np.append(w, b)


@cache
def adamw_steps(lr, limit=0.02, decay=0.01, corrected=True, scale=1.0, coupled=False):
    rng = np.random.default_rng(0)  # the exercise names the seed, so it is this one in every term
    x = rng.normal(size=100)
    y = 3 * x + 1 + 0.1 * rng.normal(size=100)
    M, theta, m, v, t = np.column_stack([x, np.ones(100)]), np.zeros(2), np.zeros(2), np.zeros(2), 0
    while scale * np.mean((M @ theta - y) ** 2) >= limit and t < 5000:
        g, t = 2 * M.T @ (M @ theta - y) / 100 + coupled * decay * theta, t + 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        a, b = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1, 1)
        theta = theta * (1 - lr * decay * (not coupled)) - lr * m / a / (np.sqrt(v / b) + 1e-8)
    return t


@check.exercise(points=2)
def epochs_needed(answer):
    got = numbers(run(answer), (3,), "(steps for 0.01, 0.03, 0.1)")
    rates = (0.01, 0.03, 0.1)
    want = [adamw_steps(lr) for lr in rates]
    if not is_close(got, np.round(got)):
        raise Mistake("whole numbers are wanted: counts of steps.")
    if all(abs(g - w) <= 1 for g, w in zip(got, want)):  # float32 may cross the limit a step earlier or later
        return
    if all(abs(g - w) <= 1 for g, w in zip(got[::-1], want)):
        raise Mistake("the order is turned round: the smallest rate comes first, and takes longest.")
    if is_close(got, [100] * 3):
        raise Mistake("100 epochs for all is what the listing took; count until the loss is below 0.02.")
    if all(abs(g - round(3 / lr)) <= 1 for g, lr in zip(got, rates)):
        raise Mistake("3 / lr is a fair prediction, but the steps get shorter near the goal: run it.")
    for keywords, text in (
        (dict(limit=0.2), "that is when the loss falls below 0.2; the limit is 0.02."),
        (dict(limit=0.012), "that is when the loss falls below 0.012; the limit is 0.02."),
        (dict(scale=0.5), "the loss is the plain mean of r^2, without 1/2."),
        (dict(coupled=True), "the decay is added to the gradient: that is Adam; in AdamW it stands apart."),
        (dict(decay=0.0), "the weight decay of 0.01 is missing, or you used Adam."),
        (dict(corrected=False), "the running means are not corrected for their start at zero."),
    ):
        if all(abs(g - adamw_steps(lr, **keywords)) <= 1 for g, lr in zip(got, rates)):
            raise Mistake(text)
    for g, w, lr in zip(got, want, rates):
        if abs(g - w) > 1:
            side = "few" if g < w else "many"
            raise Mistake(f"{g:g} steps are too {side} for lr {lr}: does each rate start anew, from w = b = 0? Are x, then the noise, drawn from default_rng(0)?")  # fmt: skip


@check.exercise(points=3)
def accumulated_gradient(answer):
    rng = draw(154)
    for m, n, size, max_norm in ((10, 3, 4, 1e6), (10, 3, 4, 0.1), (12, 2, 3, 1e6), (5, 2, 8, 1e6), (7, 4, 1, 0.5), (9, 2, 2, 1e6)):  # fmt: skip
        X, y, w = rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=n)
        result, rows = run(answer, X, y, w, size, max_norm, probe=ch15.accumulated)
        clip = lambda g: g * min(1.0, max_norm / np.linalg.norm(g))
        pieces = [slice(i, i + size) for i in range(0, m, size)]
        one = lambda p: 2 * X[p].T @ (X[p] @ w - y[p]) / len(X[p])
        share, whole = [len(X[p]) / m for p in pieces], one(slice(None))
        if max(rows, default=0) > size:
            raise Mistake(f"grad was called with {max(rows)} rows; at most {size} fit into memory.")
        if sum(rows) > m:
            raise Mistake("grad was called with the same row twice: each row belongs to one piece.")
        mistakes = [
            (clip(sum(map(one, pieces)) / len(pieces)), "the mean of means is not the mean: a shorter piece counts less; weight each by its rows."),
            (clip(sum(map(one, pieces))), "the pieces' means are added: weight each by its share of the rows."),
            (clip(sum(one(p) for p in pieces if len(X[p]) == size) / max(m // size, 1)) if m >= size else 0 * w, "the last, shorter piece is left out."),
            (clip(sum(s * one(p) for s, p in zip(share, pieces) if len(X[p]) == size)) if m >= size else 0 * w, "the last, shorter piece is left out."),
            (clip(sum(size * one(p) for p in pieces) / m), "weight a piece by the rows that it has: the last has fewer than `size`."),
            (whole * min(1.0, max_norm / np.linalg.norm(whole * m)), "the norm is that of the sum: divide by the number of rows first, then clip."),
            (clip(whole * m), "that is the sum over the rows: divide by their number."),
            (sum(s * clip(one(p)) for s, p in zip(share, pieces)), "clip once, at the end: clipped pieces do not add up to the clipped sum."),
            (sum(s * one(p) for s, p in zip(share, pieces)), "the gradient is not clipped: its norm is above max_norm."),
            (whole / np.linalg.norm(whole) * max_norm, "a gradient that is short enough stays as it is: clipping never makes it longer."),
            (clip(one(pieces[-1])), "only the last piece is returned: the pieces overwrite each other."),
            (clip(one(pieces[0])), "only the first piece is returned: is the return inside the loop?"),
            (np.clip(whole, -max_norm, max_norm), "each entry is cut by itself, which turns the direction; scale the whole gradient."),
            (-clip(whole), "the sign is flipped: wanted the gradient, not the step."),
        ]  # fmt: skip
        want_close(result, clip(whole), "the gradient", mistakes, otherwise=(
            "not the clipped gradient of the mean over all rows: add each piece times its share of the rows, then clip."
        ))  # fmt: skip
