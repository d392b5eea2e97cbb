"""Right and wrong answers to the exercises of "Fine-tune an encoder"."""

from fractions import Fraction

import numpy as np

from gdcourse.checks.ch22 import pretrained

# LoRA


def _lora(
    out=lambda y, merged, grad_A, grad_B, s: (y, merged, grad_A, grad_B), scale=lambda alpha, r: alpha / r
):
    def answer(x, W, b, A, B, alpha, u):
        s = scale(alpha, len(A))
        merged = W + s * B @ A
        return out(x @ merged.T + b, merged, s * B.T @ u.T @ x, s * u.T @ x @ A.T, s)

    return answer


def _lora_by_merging(x, W, b, A, B, alpha, u):
    """Through the gradient of the merged matrix."""
    s = alpha / A.shape[0]
    merged = W + s * np.dot(B, A)
    G = u.T @ x  # (out, in)
    return [x @ merged.T + b, merged, s * B.T @ G, s * G @ A.T]


def _lora_einsum(x, W, b, A, B, alpha, u):
    s = alpha / B.shape[1]
    y = np.einsum("mi,oi->mo", x, W) + b + s * np.einsum("mi,ri,or->mo", x, A, B)
    grads = np.einsum("mo,or,mi->ri", s * u, B, x), np.einsum("mo,ri,mi->or", s * u, A, x)
    return (y, W + s * np.einsum("or,ri->oi", B, A), *grads)


def _lora_torch(x, W, b, A, B, alpha, u):
    import torch

    x, W, b, A, B, u = (torch.tensor(a) for a in (x, W, b, A, B, u))
    A.requires_grad_()
    B.requires_grad_()
    merged = W + alpha / len(A) * B @ A
    y = torch.nn.functional.linear(x, merged, b)
    y.backward(u)
    return y.detach().numpy(), merged.detach().numpy(), A.grad.numpy(), B.grad.numpy()


def _no_bias(x, W, b, A, B, alpha, u):
    y, *rest = _lora_by_merging(x, W, b, A, B, alpha, u)
    return (y - b, *rest)


def _change_only(x, W, b, A, B, alpha, u):
    y, *rest = _lora_by_merging(x, W, b, A, B, alpha, u)
    return (y - b - x @ W.T, *rest)


def _not_merged(x, W, b, A, B, alpha, u):
    y, merged, *rest = _lora_by_merging(x, W, b, A, B, alpha, u)
    return (y, W, *rest)


def _merged_unscaled(x, W, b, A, B, alpha, u):
    y, merged, *rest = _lora_by_merging(x, W, b, A, B, alpha, u)
    return (y, W + B @ A, *rest)


# Ridge


def _ridge(solve):
    """solve(X, y, strength) -> (w, b) for each strength."""

    def answer(X, y, strengths):
        pairs = [solve(X, y, s) for s in strengths]
        return np.array([w for w, _ in pairs]), np.array([b for _, b in pairs])

    return answer


def _centred(factor=lambda s, m: s, b=None):
    def solve(X, y, s):
        Xc = X - X.mean(0)
        w = np.linalg.solve(Xc.T @ Xc + factor(s, len(y)) * np.eye(X.shape[1]), Xc.T @ (y - y.mean()))
        return w, b(X, y, w) if b else y.mean() - X.mean(0) @ w

    return solve


def _joined(X, y, s, last=0.0):
    """A column of ones; its place in the penalty is `last`."""
    M = np.column_stack([X, np.ones(len(y))])
    theta = np.linalg.solve(M.T @ M + s * np.diag([1.0] * X.shape[1] + [last]), M.T @ y)
    return theta[:-1], theta[-1]


def _dual(X, y, s):
    """Through the m x m matrix of scalar products."""
    Xc = X - X.mean(0)
    w = Xc.T @ np.linalg.solve(Xc @ Xc.T + s * np.eye(len(y)), y - y.mean())
    return w, np.mean(y - X @ w)


def _sklearn(X, y, strengths):
    from sklearn.linear_model import Ridge

    fits = [Ridge(alpha=s).fit(X, y) for s in strengths]
    return [f.coef_ for f in fits], [f.intercept_ for f in fits]


def _through_zero(X, y, s):
    return np.linalg.solve(X.T @ X + s * np.eye(X.shape[1]), X.T @ y), 0.0


def _plain(X, y, s):
    w = np.linalg.pinv(X - X.mean(0)) @ (y - y.mean())
    return w, y.mean() - X.mean(0) @ w


def _wrong_factor(factor):
    def solve(X, y, s):
        U, S, Vt = np.linalg.svd(X - X.mean(0), full_matrices=False)
        w = (factor(S, s) * (U.T @ y)) @ Vt
        return w, y.mean() - X.mean(0) @ w

    return solve


def _standardised(X, y, s):
    mean, spread = X.mean(0), X.std(0)
    w = _centred()((X - mean) / spread, y, s)[0] / spread
    return w, y.mean() - mean @ w


def _only_y_centred(X, y, s):
    w = np.linalg.solve(X.T @ X + s * np.eye(X.shape[1]), X.T @ (y - y.mean()))
    return w, y.mean() - X.mean(0) @ w


def _in_order_of_size(X, y, strengths):
    return _ridge(_joined)(X, y, sorted(strengths))


def _overwritten(X, y, strengths):
    W, b = _ridge(_joined)(X, y, strengths)
    return np.array([W[-1]] * len(W)), b


# Distillation


def _softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def _distil(a=lambda w, T: w * T * T, b=lambda w: 1 - w, slope=lambda w, T: w * T, hard_slope=None, sign=1,
            mean=lambda m, k: m, p_T=None, q_T=None, hard_T=None, kl=lambda p, log_p, q, log_q: p * (log_p - log_q),
            divided=True):  # fmt: skip
    """The loss and its gradient with one piece exchanged."""

    def answer(student, teacher, labels, T, weight):
        m, k = student.shape
        log_p, log_q = _log_softmax(teacher / (p_T or T)), _log_softmax(student / (q_T or T))
        p, q = np.exp(log_p), np.exp(log_q)
        hard = -_log_softmax(student / (T if hard_T else 1))[np.arange(m), labels].mean()
        loss = a(weight, T) * kl(p, log_p, q, log_q).sum() / mean(m, k) + b(weight) * hard
        share = (hard_slope or b)(weight)
        grad = slope(weight, T) * (q - p) + share * (_softmax(student) - np.eye(k)[labels])
        return loss, sign * grad / (m if divided else 1)

    return answer


def _distil_torch(student, teacher, labels, T, weight):
    import torch
    import torch.nn.functional as F

    z = torch.tensor(student, requires_grad=True)
    log_p = F.log_softmax(torch.tensor(teacher) / T, dim=1)
    soft = F.kl_div(F.log_softmax(z / T, dim=1), log_p, reduction="batchmean", log_target=True)
    loss = weight * T**2 * soft + (1 - weight) * F.cross_entropy(z, torch.tensor(labels))
    loss.backward()
    return loss.item(), z.grad.numpy()


def _distil_rows(student, teacher, labels, T, weight):
    """Text by text, with logaddexp."""
    loss, grad = 0.0, np.zeros_like(student)
    for i, label in enumerate(labels):
        log_p = teacher[i] / T - np.logaddexp.reduce(teacher[i] / T)
        log_q = student[i] / T - np.logaddexp.reduce(student[i] / T)
        log_s = student[i] - np.logaddexp.reduce(student[i])
        loss += weight * T * T * np.exp(log_p) @ (log_p - log_q) - (1 - weight) * log_s[label]
        grad[i] = weight * T * (np.exp(log_q) - np.exp(log_p)) + (1 - weight) * np.exp(log_s)
        grad[i, label] -= 1 - weight
    return loss / len(labels), grad / len(labels)


def _distil_one_slip(loss=None, grad=None):
    """Right but for one of the two."""

    def answer(student, teacher, labels, T, weight):
        m, k = student.shape
        hits, p, q = np.eye(k)[labels], _softmax(teacher / T), _softmax(student / T)
        log_p, log_q, log_1 = _log_softmax(teacher / T), _log_softmax(student / T), _log_softmax(student)
        soft, hard = (p * (log_p - log_q)).sum(1), -(hits * log_1).sum(1)
        a, b, share = weight * T * T, 1 - weight, (_softmax(student) - hits)
        value = loss(a * soft, b * hard, k) if loss else (a * soft + b * hard).mean()
        back = (
            grad(weight * T * (q - p), b * share, b * (q - hits), m)
            if grad
            else weight * T * (q - p) + b * share
        )
        return value, back / m

    return answer


def _distil_overflows(student, teacher, labels, T, weight):
    soft = lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True)
    p, q, s, m = soft(teacher / T), soft(student / T), soft(student), len(labels)
    loss = weight * T * T * (p * np.log(p / q)).sum() / m
    loss -= (1 - weight) * np.log(s[np.arange(m), labels]).mean()
    return loss, (weight * T * (q - p) + (1 - weight) * (s - np.eye(s.shape[1])[labels])) / m


# Batches


def _padded(texts):
    ids = np.zeros((len(texts), max(map(len, texts))), dtype=int)
    for row, text in zip(ids, texts):
        row[: len(text)] = text
    return ids


def _masked(hidden, mask):
    return (hidden * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]


def _predict(pool=_masked, sort=True, back=lambda logits, order: logits[np.argsort(order)], mask=lambda ids: ids > 0,
             bias=True):  # fmt: skip
    def answer(encode, texts, size, w, b):
        order = np.argsort([len(t) for t in texts], kind="stable") if sort else np.arange(len(texts))
        found = []
        for i in range(0, len(texts), size):
            ids = _padded([texts[j] for j in order[i : i + size]])
            found.append(pool(encode(ids, mask(ids)), ids > 0) @ w + b * bias)
        return back(np.concatenate(found), order)

    return answer


def _to_the_slice(encode, texts, size, w, b):
    """The mean is right; each batch lands in the slice, by an order that is not stable."""
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), -i))
    found = np.empty((len(texts), len(b)))
    for i in range(0, len(texts), size):
        ids = _padded([texts[j] for j in order[i : i + size]])
        found[i : i + size] = _masked(encode(ids, ids > 0), ids > 0) @ w + b
    return found


def _alone(encode, texts, size, w, b):
    """No filling at all."""
    full = lambda t: encode(np.array([t]), np.ones((1, len(t)), dtype=int))[0].mean(axis=0)
    return [full(t) @ w + b for t in texts]


def _by_length(encode, texts, size, w, b):
    """Texts of one length share a batch; nothing is filled up."""
    found = {}
    for n in {len(t) for t in texts}:
        same = [i for i, t in enumerate(texts) if len(t) == n]
        for k in range(0, len(same), size):
            ids = np.array([texts[i] for i in same[k : k + size]])
            for i, h in zip(same[k : k + size], encode(ids, np.ones_like(ids))):
                found[i] = h.mean(0) @ w + b
    return np.array([found[i] for i in range(len(texts))])


def _one_batch(encode, texts, size, w, b):
    ids = _padded(texts)
    return _masked(encode(ids, ids > 0), ids > 0) @ w + b


# Forgetting


def _forget(rates=(0.0, 0.003, 0.01, 0.1), head_rate=None, steps=60, kept=False, adam=True, train=False, before=False,
            old_start=False, mean=True, decay=0.0, random_head=False, out=lambda old, new: (old, new)):  # fmt: skip
    def answer():
        g = pretrained()
        X, y, old, new = g["X"], g["y"], [], []
        drawn = np.random.default_rng(1).normal(size=8) / 3 * random_head
        body, a = g["body"], g["old_head"][:, 0] * old_start
        for lr in rates:
            if not kept:
                body, a = g["body"], g["old_head"][:, 0] * old_start + drawn
            mW, vW, ma, va = 0 * body, 0 * body, 0 * a, 0 * a
            for t in range(1, steps + 1):
                h = np.tanh(X @ body)
                r = (1 / (1 + np.exp(-h @ a)) - y) / (len(y) if mean else 1)
                gW, ga = X.T @ (np.outer(r, a) * (1 - h * h)), r @ h
                mW, ma = 0.9 * mW + 0.1 * gW, 0.9 * ma + 0.1 * ga
                vW, va = 0.999 * vW + 0.001 * gW**2, 0.999 * va + 0.001 * ga**2
                if adam:
                    c, d = 1 - 0.9**t, 1 - 0.999**t
                    gW, ga = mW / c / (np.sqrt(vW / d) + 1e-8), ma / c / (np.sqrt(va / d) + 1e-8)
                head_lr = lr if head_rate == "body" else 0.03
                body = body * (1 - lr * decay) - lr * gW
                a = a * (1 - head_lr * decay) - head_lr * ga
            on = g["body"] if before else body
            old.append(np.mean((np.tanh(g["X_test"] @ on) @ g["old_head"] > 0) == g["old_test"]))
            at, want = (X, y) if train else (g["X_test"], g["new_test"])
            new.append(np.mean((np.tanh(at @ body) @ a > 0) == want))
        return out(old, new)

    return answer


def _forget_torch():
    """In float32, with a module."""
    import torch

    g = {k: torch.tensor(v, dtype=torch.float32) for k, v in pretrained().items()}
    old, new = [], []
    for lr in (0, 3e-3, 1e-2, 1e-1):
        body, head = torch.nn.Linear(40, 8, bias=False), torch.nn.Linear(8, 1, bias=False)
        with torch.no_grad():
            body.weight.copy_(g["body"].T)
            head.weight.zero_()
        net = torch.nn.Sequential(body, torch.nn.Tanh(), head)
        groups = [{"params": head.parameters()}, {"params": body.parameters(), "lr": lr}]
        optimizer = torch.optim.Adam(groups, lr=0.03)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(net(g["X"])[:, 0], g["y"]).backward()
            optimizer.step()
        with torch.no_grad():
            hidden = net[:2](g["X_test"])
            old.append(float((((hidden @ g["old_head"]) > 0) == g["old_test"]).float().mean()))
            new.append(float(((head(hidden)[:, 0] > 0) == g["new_test"]).float().mean()))
    return np.array([old, new])


def _forget_with_ours():
    from gdcourse.optim import Adam
    from gdcourse.tensor import Tensor

    g, found = pretrained(), []
    X, y = Tensor(g["X"]), Tensor(g["y"])
    for lr in (0.0, 0.003, 0.01, 0.1):
        body, a = Tensor(g["body"].copy(), requires_grad=True), Tensor(np.zeros(8), requires_grad=True)
        optimizers = [Adam([body], lr=lr), Adam([a], lr=0.03)]
        for _ in range(60):
            z = (X @ body).tanh() @ a
            loss = ((1 + (-1 * z).exp()).log() + z * (1 - y)).mean()
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        hidden = np.tanh(g["X_test"] @ body.data)
        found.append([((hidden @ g["old_head"] > 0) == g["old_test"]).mean(),
                      ((hidden @ a.data > 0) == g["new_test"]).mean()])  # fmt: skip
    return tuple(np.array(found).T)


# Rates by name


def _rates(awake=lambda depth, epoch, layers: depth < epoch, rate=lambda depth, layers, lr, decay: lr * decay ** (depth - 1),
           number=lambda text: int(text), head=lambda lr, head_lr: head_lr, zero=False):  # fmt: skip
    def answer(names, epoch, lr, head_lr, layer_decay):
        layers = 1 + max(number(n.split(".")[3]) for n in names if n.startswith("encoder.encoder.layer."))
        found = {}
        for n in names:
            if n.startswith("head"):
                depth = 0
            elif ".layer." in n:
                depth = layers - number(n.split(".")[3])
            else:
                depth = layers + 1
            if awake(depth, epoch, layers):
                found[n] = rate(depth, layers, lr, layer_decay) if depth else head(lr, head_lr)
            elif zero:
                found[n] = 0.0
        return found

    return answer


def _rates_by_lists(names, epoch, lr, head_lr, layer_decay):
    """Part by part from the top."""
    layers = len({n.split(".")[3] for n in names if ".layer." in n})
    parts = [
        (f"encoder.encoder.layer.{k}.", lr * layer_decay**i) for i, k in enumerate(range(layers - 1, -1, -1))
    ]
    parts = [("head.", head_lr), *parts, ("encoder.embeddings.", lr * layer_decay**layers)]
    return {n: r for start, r in parts[:epoch] for n in names if n.startswith(start)}


def _rates_by_regex(names, epoch, lr, head_lr, layer_decay):
    import re

    found, place = {}, re.compile(r"layer\.(\d+)")
    top = max(int(m[1]) for m in map(place.search, names) if m)
    for n in names:
        match = place.search(n)
        below = top + 1 if "embeddings" in n else top - int(match[1]) if match else -1
        if below + 1 < epoch:
            found[n] = np.float64(lr * layer_decay**below if below >= 0 else head_lr)
    return found


RIGHT = {
    "lora_by_hand": [
        lambda: [7059.0, 38.0],
        lambda: (4 * 4 * (96 + 96 + 240) + 48 * 3 + 3, (48 * 192 - 1) // 240),
        lambda: np.array([7059, 38]),
    ],
    "standard_error_by_hand": [
        lambda: [0.01, 25600, 3],
        lambda: (Fraction(1, 100), Fraction(16 * 1600), Fraction(3)),
        lambda: np.array([np.sqrt(0.8 * 0.2 / 1600), 1600 * 4**2, (65 - 50) / np.sqrt(100 / 4)]),
    ],
    "lora_layer": [_lora_by_merging, _lora_einsum, _lora_torch],
    "ridge_path": [_ridge(_joined), _ridge(_dual), _sklearn],
    "distillation": [_distil(), _distil_torch, _distil_rows],
    "predict": [_predict(), _alone, _by_length, _predict(sort=False)],
    "forgetting": [_forget(), _forget_torch, _forget_with_ours],
    "rates": [_rates(), _rates_by_lists, _rates_by_regex],
}

WRONG = {
    "lora_by_hand": [
        (lambda: (6912, 38), "the head is missing"),
        (lambda: (7056, 38), "the bias of the head"),
        (lambda: (1728 + 147, 38), "that is one layer and the head"),
        (lambda: (4 * 4 * (48 + 48 + 48) + 147, 38), "only A is counted"),
        (lambda: (4 * 4 * (48 + 48 + 192) + 147, 38), "only B is counted"),
        (lambda: (4 * 4 * (96 + 240) + 147, 38), "query AND value"),
        (lambda: (4 * 4 * (96 + 96) + 147, 38), "beside the feed-forward matrix is missing"),
        (lambda: (4 * (2 * 48 * 48 + 48 * 192) + 147, 38), "these are the whole matrices"),
        (lambda: (4 * 4 * (2 * 48 * 48 + 48 * 192) + 147, 38), "do not multiply r"),
        (lambda: (7059, 39), "wanted the last below"),
        (lambda: (7059, 38.4), "a whole number"),
        (lambda: (7059, 48), "the largest rank that a change can have"),
    ],
    "standard_error_by_hand": [
        (lambda: (1.0, 25600, 3), "not in per cent"),
        (lambda: (0.16 / 1600, 25600, 3), "that is the variance"),
        (lambda: (0.4, 25600, 3), "the spread of one answer; the mean"),
        (lambda: (0.4 / 1600, 25600, 3), "the root of the number of texts is missing"),
        (lambda: (0.8 / 40, 25600, 3), "that is 0.8 / sqrt(n)"),
        (lambda: ((0.16 / 1280) ** 0.5, 25600, 3), "all texts, right or wrong"),
        (lambda: (0.01, 6400, 3), "the error only halves"),
        (lambda: (0.01, 100, 3), "fewer texts"),
        (lambda: (0.01, 25600, 30), "the lead itself"),
        (lambda: (0.01, 25600, 30 / 5), "is sqrt(100) = 10, not 5"),
        (lambda: (0.01, 25600, 30 / 1600 / 0.01), "takes A's own standard error"),
        (lambda: (0.01, 25600, 30 / 1600 / (0.01 * 2**0.5)), "on two different test sets"),
    ],
    "lora_layer": [
        (_lora(scale=lambda alpha, r: 1.0), "the scale alpha / r is missing."),
        (_lora(scale=lambda alpha, r: alpha), "the scale is alpha / r, not alpha."),
        (_lora(scale=lambda alpha, r: -alpha / r), "the change is added, not subtracted."),
        (_no_bias, "b is missing in y"),
        (lambda *a: _change_only(*a), "the frozen layer is missing in y"),
        (_not_merged, "the change is not merged"),
        (_merged_unscaled, "merged lacks the scale"),
        (_lora(lambda y, M, gA, gB, s: (y, M.T, gA, gB)), "merged: wanted shape"),
        (_lora(lambda y, M, gA, gB, s: (y, M, gA / s, gB)), "grad_A lacks the scale"),
        (_lora(lambda y, M, gA, gB, s: (y, M, gA, gB / s)), "grad_B lacks the scale"),
        (
            _lora(lambda y, M, gA, gB, s: (y, M, gA / len(y), gB / len(y))),
            "do not divide by the number of rows",
        ),
        (
            lambda x, W, b, A, B, *a: _lora(scale=lambda alpha, r: alpha / A.shape[1])(x, W, b, A, B, *a),
            "the number of ROWS of A",
        ),
    ],
    "ridge_path": [
        (_ridge(lambda X, y, s: _joined(X, y, s, last=1.0)), "the intercept is punished"),
        (_ridge(_through_zero), "there is no intercept in the problem"),
        (_ridge(_plain), "that is plain least squares"),
        (_ridge(_standardised), "X is standardised: the penalty"),
        (_ridge(_wrong_factor(lambda S, s: S / (S * S + s * s))), "the strength is squared"),
        (_ridge(_only_y_centred), "only y is centred"),
        (_ridge(_centred(lambda s, m: s * m)), "not multiplied by m"),
        (_ridge(_centred(lambda s, m: 2 * s)), "the factor 2 of the slopes"),
        (_ridge(_wrong_factor(lambda S, s: 1 / (S + s))), "not 1 / (S + strength)"),
        (_in_order_of_size, "sorted by strength"),
        (_ridge(_centred(b=lambda X, y, w: y.mean())), "only for centred X"),
        (_ridge(_centred(b=lambda X, y, w: y.mean() + X.mean(0) @ w)), "b = mean of y MINUS"),
    ],
    "distillation": [
        (_distil(a=lambda w, T: w), "the factor T^2 of the soft part is missing"),
        (_distil(kl=lambda p, log_p, q, log_q: q * (log_q - log_p)), "the other way round"),
        (_distil(kl=lambda p, log_p, q, log_q: -p * log_q), "its entropy"),
        (_distil(slope=lambda w, T: w * T * T), "it takes one T of the T^2"),
        (_distil(divided=False), "divide the gradient by their number, too"),
        (_distil_overflows, "take each row's maximum off"),
        (_distil(hard_slope=lambda w: 0), "lacks the hard part"),
        (_distil_one_slip(loss=lambda soft, hard, k: soft + hard), "loss: wanted shape ()"),
        (
            _distil_one_slip(loss=lambda soft, hard, k: (soft - hard).mean()),
            "the sign of the hard part is flipped",
        ),
        (_distil_one_slip(grad=lambda soft, hard, hot, m: hard - soft), "the student minus the teacher"),
        (
            _distil_one_slip(grad=lambda soft, hard, hot, m: m * soft + hard),
            "the soft part is a mean over the texts",
        ),
        (_distil_one_slip(grad=lambda soft, hard, hot, m: soft + hot), "softmax at T = 1, not q"),
    ],
    "predict": [
        (_predict(pool=lambda h, mask: h.mean(1), back=lambda z, order: z), "both bugs are still there"),
        (_predict(pool=lambda h, mask: h.mean(1)), "still count in the mean"),
        (_to_the_slice, "still come in the order of length"),
        (_predict(back=lambda z, order: z[order]), "sorted once more instead of back"),
        (_predict(pool=lambda h, mask: (h * mask[:, :, None]).mean(1)), "divided by the width of the batch"),
        (_predict(pool=lambda h, mask: (h * mask[:, :, None]).sum(1)), "that is the sum over the tokens"),
        (_predict(pool=lambda h, mask: h[:, 0]), "the first token only"),
        (_predict(mask=lambda ids: ids >= 0), "the mask is true at filled-up places"),
        (_predict(mask=lambda ids: ids > 5), "the mask hides tokens"),
        (_predict(bias=False), "the head's b is missing"),
        (_one_batch, "encode was called with 7 rows"),
        (
            _predict(pool=lambda h, mask: np.where(mask[:, :, None], h, -np.inf).max(1)),
            "the maximum over the tokens",
        ),
    ],
    "forgetting": [
        (_forget(kept=True), "goes on where the one before ended"),
        (_forget(head_rate="body"), "the head has the body's rate"),
        (_forget(old_start=True), "starts from a column of the old one"),
        (_forget(adam=False), "that is gradient descent"),
        (_forget(train=True), "on the 100 training samples"),
        (_forget(before=True), "old is the accuracy before fine-tuning"),
        (_forget(steps=100), "these are 100 steps"),
        (_forget(out=lambda old, new: (new, old)), "old and new are swapped"),
        (_forget(rates=(0.0, 0.001, 0.01, 0.1)), "for rate 0.003"),
        (_forget(decay=0.01), "that is AdamW"),
        (_forget(steps=59), "these are 59 steps"),
        (_forget(random_head=True), "the head from zeros at 0.03"),
    ],
    "rates": [
        (_rates(awake=lambda k, e, L: k < e + 1), "one part too many is awake"),
        (_rates(awake=lambda k, e, L: True), "everything learns from the first epoch"),
        (_rates(awake=lambda k, e, L: k == e - 1), "only the newest part"),
        (_rates(awake=lambda k, e, L: k == 0 or L + 1 - k < e - 1), "the LAST layer comes first"),
        (_rates(awake=lambda k, e, L: k < min(e, L + 1)), "the embeddings never thaw"),
        (_rates(zero=True), "with the rate 0: leave it out"),
        (_rates(head=lambda lr, head_lr: lr), "the head has its own rate"),
        (_rates(rate=lambda k, L, lr, d: lr * d**k), "the last layer has the rate lr itself"),
        (_rates(rate=lambda k, L, lr, d: lr), "all layers have one rate"),
        (_rates(rate=lambda k, L, lr, d: lr * d ** (L + 1 - k)), "the rates fall towards the top"),
        (
            _rates(lambda k, e, L: min(k, L) < e, lambda k, L, lr, d: lr * d ** (min(k, L) - 1)),
            "they thaw an epoch after it",
        ),
        (_rates(number=lambda text: int(text[0])), "two digits"),
    ],
}
