"""Fine-tune a pre-trained encoder: data split, batches, heads, freezing, LoRA, the loop, distillation, pruning.

Derived in "Fine-tune an encoder" (notebooks/22_finetuning.ipynb). Encoders are transformers' BertModel; models
and batches live on ``gdcourse.device.best()``; every draw comes from a NumPy Generator that the caller passes.
"""

import copy
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from .datasets import Reviews
from .device import best


def choose(reviews, rows):
    """The given rows of ``reviews``, in that order."""
    take = lambda values: None if values is None else np.asarray(values)[rows]
    texts = tuple(reviews.texts[i] for i in rows)
    return Reviews(texts, take(reviews.labels), take(reviews.ratings))


def split(reviews, tests=1000, seed=12345):
    """(pool, test), no text in common, half good, half bad; always the same for a seed.

    Left out are repeated texts, and those with a mean rating nearer to 0 than 0.5:
    readers did not agree.
    """
    texts, labels = reviews.texts, np.asarray(reviews.labels)
    if len(labels) != len(texts):
        raise ValueError(f"{len(texts)} texts, {len(labels)} labels; wanted one each")
    rows = np.sort(np.unique(texts, return_index=True)[1])
    if reviews.ratings is not None:
        rows = rows[abs(np.asarray(reviews.ratings)[rows]) >= 0.5]
    rows = np.random.default_rng(seed).permutation(rows)
    bad, good = (rows[labels[rows] == label] for label in (0, 1))
    half, each = tests // 2, min(len(bad), len(good))
    if each <= half:
        found = f"{len(bad)} bad and {len(good)} good texts"
        wanted = f"wanted more than {half} of each, or fewer tests than tests={tests}"
        raise ValueError(f"{found}; {wanted}")
    part = lambda cut: choose(reviews, np.concatenate([bad[cut], good[cut]]))
    return part(slice(half, each)), part(slice(half))


def subset(pool, n, seed):
    """n reviews, half good; for one seed a smaller set is part of a larger one."""
    rows = np.random.default_rng(seed).permutation(len(pool.texts))
    bad, good = (rows[np.asarray(pool.labels)[rows] == label] for label in (0, 1))
    if n % 2 or not 1 < n <= 2 * min(len(bad), len(good)):
        found = f"n = {n} of {len(bad)} bad and {len(good)} good"
        raise ValueError(f"{found}; wanted an even n, half of each")
    return choose(pool, np.concatenate([bad[: n // 2], good[: n // 2]]))


def encode(tokenizer, texts, max_length=64):
    """Each text as a list of at most ``max_length`` token numbers; lengths differ."""
    if isinstance(texts, str) or not all(map(str.strip, texts := list(texts))):
        raise ValueError(f"{texts!r:.40}; wanted a list of texts, none of them empty")
    if max_length > (most := tokenizer.model_max_length):
        raise ValueError(f"max_length={max_length}; wanted at most {most}")
    return tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]


def batches(ids, size, rng=None):
    """Yields (rows (B,), tokens (B, T), mask (B, T)) of texts of like length.

    Short ones are filled up with 0; the mask is 1 at tokens, 0 at filling. With ``rng``
    texts are shuffled, sorted by length 16 batches at a time, and the batches are
    shuffled. Without it they come by length.

    >>> next(batches([[5, 6, 7], [8]], size=2))[1:]
    (tensor([[8, 0, 0],
            [5, 6, 7]]), tensor([[1, 0, 0],
            [1, 1, 1]]))
    """
    length = np.array([len(row) for row in ids])
    if rng is None:
        order = np.argsort(length, kind="stable")
    else:
        shuffled = rng.permutation(len(ids))
        piles = [shuffled[i : i + 16 * size] for i in range(0, len(ids), 16 * size)]
        by_length = [pile[np.argsort(length[pile], kind="stable")] for pile in piles]
        order = np.concatenate(by_length)
    cuts = [order[i : i + size] for i in range(0, len(ids), size)]
    for k in range(len(cuts)) if rng is None else rng.permutation(len(cuts)):
        rows = cuts[k]
        mask = np.arange(length[rows].max()) < length[rows][:, None]  # (B, T)
        tokens = np.zeros(mask.shape, dtype=np.int64)
        tokens[mask] = np.concatenate([ids[i] for i in rows])
        tokens, mask = torch.from_numpy(tokens), torch.from_numpy(mask).long()
        yield rows, tokens.to(best()), mask.to(best())


def mean_pool(hidden, mask):
    """The mean (B, D) of hidden vectors (B, T, D) over each text's tokens, not filling.

    >>> mean_pool(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[2.]])
    """
    weight = mask[:, :, None].to(hidden.dtype)  # (B, T, 1)
    return (hidden * weight).sum(1) / weight.sum(1)


class Classifier(nn.Module):
    """Encoder, mean over tokens, dropout, linear head: (B, T) -> (B, classes) logits.

    The head and the dropout draw from ``rng``; the head starts near 0, so the first
    probabilities are even.
    """

    def __init__(self, encoder, rng, classes=2, dropout=0.1):
        super().__init__()
        self.encoder, self.rng, self.dropout = encoder, rng, dropout
        self.head = nn.Linear(encoder.config.hidden_size, classes)
        with torch.no_grad():
            drawn = rng.normal(0, 0.02, self.head.weight.shape)
            self.head.weight.copy_(torch.from_numpy(drawn))
            self.head.bias.zero_()
        self.to(best())

    def forward(self, tokens, mask):
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        x = mean_pool(hidden, mask)  # (B, T, D) -> (B, D)
        if self.training and self.dropout > 0:
            kept = torch.from_numpy(self.rng.random(x.shape) >= self.dropout).to(x.device)
            x = x * kept / (1 - self.dropout)
        return self.head(x)


def random_encoder(encoder, rng):
    """An encoder shaped like ``encoder``, with random weights; torch's own seed stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        return type(encoder)(encoder.config, add_pooling_layer=False)


def keep_layers(encoder, layers):
    """A copy of the encoder with the listed layers only: a student for distillation."""
    small = copy.deepcopy(encoder)
    small.encoder.layer = nn.ModuleList([small.encoder.layer[k] for k in layers])
    small.config.num_hidden_layers = len(layers)
    return small


def trainable(model):
    """How many numbers of the model learn."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def train_only_last(model, layers):
    """Freeze the encoder but for its last ``layers``; 0: only the head learns."""
    stack = model.encoder.encoder.layer
    if not 0 <= layers <= len(stack):
        raise ValueError(f"{layers} layers to train; wanted 0 to {len(stack)}")
    model.encoder.requires_grad_(False)
    for layer in stack[len(stack) - layers :]:
        layer.requires_grad_(True)
    return model


class LoRALinear(nn.Module):
    """A frozen linear layer plus a learnt change: ``x W^T + b + (alpha / r) x A^T B^T``.

    A (r, in) is drawn, B (out, r) starts at 0, so the change does too. Hu et al.,
    arXiv:2106.09685.
    """

    def __init__(self, linear, rng, rank=8, alpha=16):
        super().__init__()
        if not isinstance(linear, nn.Linear):
            kind = type(linear).__name__
            raise ValueError(f"{kind}; wanted a Linear: was add_lora called before?")
        (out, width), like = linear.weight.shape, linear.weight
        self.linear, self.scale = linear.requires_grad_(False), alpha / rank
        drawn = rng.normal(0, width**-0.5, (rank, width))
        self.A = nn.Parameter(torch.from_numpy(drawn).to(like))
        self.B = nn.Parameter(torch.zeros(out, rank).to(like))

    def forward(self, x):
        change = x @ self.A.T @ self.B.T  # (.., in) (in, r) (r, out)
        return self.linear(x) + self.scale * change

    @torch.no_grad()
    def merge(self):
        """The linear layer with the change added to its weights: same function."""
        self.linear.weight += self.scale * self.B @ self.A  # (out, r) (r, in)
        return self.linear


def add_lora(encoder, rng, rank=8, alpha=16):
    """Freeze the encoder; each layer's query and value get a change of this rank."""
    encoder.requires_grad_(False)
    for layer in encoder.encoder.layer:
        attention = layer.attention.self
        attention.query = LoRALinear(attention.query, rng, rank, alpha)
        attention.value = LoRALinear(attention.value, rng, rank, alpha)
    return encoder


def merge_lora(encoder):
    """Put a linear layer, with its change added, in place of each LoRALinear."""
    for module in list(encoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LoRALinear):
                setattr(module, name, child.merge())
    return encoder


def parameter_groups(model, lr, head_lr, layer_decay=1.0):
    """One group of parameters with its rate for the head, each layer, and the embeddings.

    The last layer learns with ``lr``; each layer below it with ``layer_decay`` times the
    rate of the one above.
    """
    stack = [model.encoder.embeddings, *model.encoder.encoder.layer]
    rates = [lr * layer_decay ** (len(stack) - 1 - k) for k in range(len(stack))]
    parts = [(model.head, head_lr), *zip(stack, rates)]
    return [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]


def warmup_linear(steps, warm):
    """Factors from 0 to 1 in ``warm`` steps, then in a line to 0 at ``steps``.

    >>> [warmup_linear(6, 2)(k) for k in range(7)]
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return lambda k: k / warm if k < warm else (steps - k) / max(1, steps - warm)


def fit(model, ids, targets, rng, epochs=3, lr=1e-4, head_lr=1e-3, batch=16, warmup=0.1,
        clip=1.0, decay=0.01, layer_decay=1.0, loss_fn=F.cross_entropy, after_epoch=None,
        progress=False):  # fmt: skip
    """Train with AdamW; returns each step's ``loss_fn(logits, the batch's targets)``.

    ``targets`` has one row a text. ``after_epoch(e)`` is called after epoch e = 1, 2, ...
    and ends the training by returning True. What requires no gradient keeps every bit.
    """
    targets = torch.as_tensor(targets).to(best())
    if len(targets) != len(ids):
        raise ValueError(f"{len(ids)} texts, {len(targets)} targets; wanted one each")
    steps = epochs * math.ceil(len(ids) / batch)
    groups = parameter_groups(model, lr, head_lr, layer_decay)
    optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True)
    schedule = warmup_linear(steps, round(warmup * steps))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    show = {"disable": not progress, "leave": False, "file": sys.stdout}
    losses, bar = [], tqdm(total=steps, desc="steps", **show)
    for epoch in range(1, epochs + 1):
        model.train()
        for rows, tokens, mask in batches(ids, batch, rng):
            loss = loss_fn(model(tokens, mask), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            bar.update()
        if after_epoch is not None and after_epoch(epoch):
            break
    bar.close()
    return losses


@torch.no_grad()
def in_order(f, ids, size=64):
    """``f(tokens, mask)`` of all texts, batch by batch: (m, ...) in their order."""
    found = [(rows, f(tokens, mask).cpu()) for rows, tokens, mask in batches(ids, size)]
    order = np.argsort(np.concatenate([rows for rows, _ in found]))
    return torch.cat([values for _, values in found])[order]


def predict(model, ids):
    """The classifier's logits (m, classes), without dropout."""
    return in_order(model.eval(), ids)


def accuracy(model, ids, labels):
    """The share of texts whose largest logit is that of their label."""
    return float(np.mean(predict(model, ids).argmax(1).numpy() == labels))


def features(encoder, ids):
    """The frozen encoder's mean vectors (m, D): computed once, used by any head."""
    encoder.to(best()).eval()
    pooled = lambda tokens, mask: mean_pool(encoder(tokens, mask).last_hidden_state, mask)
    return in_order(pooled, ids).double().numpy()


def matched(left, right):
    """The share of rows of ``left`` (m, D) whose nearest in ``right`` is their own.

    >>> matched(np.array([[1, 0], [0, 1], [1, 2]]), np.array([[9, 1], [1, 2], [1, 9]]))
    0.3333333333333333
    """
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
    return float(np.mean((a @ b.T).argmax(1) == np.arange(len(a))))


def ridge(X, y, strength):
    """(w, b) that make ``|X w + b - y|^2 + strength |w|^2`` least; b is not punished.

    X (m, d), y (m,). Centring both takes b out of the problem:
    ``(Xc^T Xc + strength I) w = Xc^T yc``.

    >>> w, b = ridge(np.array([[0.0], [2.0]]), np.array([1.0, 5.0]), 0.0)
    >>> w, round(float(b), 6)
    (array([2.]), 1.0)
    """
    mean, Xc = X.mean(0), X - X.mean(0)
    w = np.linalg.solve(Xc.T @ Xc + strength * np.eye(X.shape[1]), Xc.T @ (y - y.mean()))
    return w, y.mean() - mean @ w


def best_strength(X, y, strengths, rng, folds=5):
    """The strength that gets most signs of y = -1, 1 right on parts held out."""
    part = rng.permutation(len(y)) % folds

    def right(strength, k):
        w, b = ridge(X[part != k], y[part != k], strength)
        return np.sum((X[part == k] @ w + b > 0) == (y[part == k] > 0))

    total = lambda strength: sum(right(strength, k) for k in range(folds))
    return max(strengths, key=total)


def distillation_loss(student, teacher, labels, T=2.0, weight=0.5):
    """``weight T^2 KL(teacher || student)`` at T, plus ``1 - weight`` cross-entropies.

    The factor T^2 keeps the gradient's size when T grows. Hinton et al., arXiv:1503.02531.

    >>> z = torch.tensor([[1.0, 3.0]])
    >>> distillation_loss(z, z, torch.tensor([1]), weight=1.0).abs() < 1e-7
    tensor(True)
    """
    soft = lambda logits: F.log_softmax(logits / T, dim=1)
    apart = F.kl_div(soft(student), soft(teacher), reduction="batchmean", log_target=True)
    return weight * T**2 * apart + (1 - weight) * F.cross_entropy(student, labels)


@torch.no_grad()
def prune(encoder, share):
    """Set the smallest ``share`` of each layer's matrices to 0; they keep their size."""
    for layer in encoder.encoder.layer.modules():
        if isinstance(layer, nn.Linear):
            weights = layer.weight.view(-1)  # the same memory, in one row
            weights[weights.abs().argsort()[: round(share * len(weights))]] = 0
    return encoder
