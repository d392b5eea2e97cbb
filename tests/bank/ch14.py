"""Right and wrong answers to the exercises of "Build Tensor"."""

from fractions import Fraction
from itertools import permutations

import numpy as np


def _by_hand(c=((7,), (21,)), b=(1, 3, 3)):
    return lambda: (np.array(c), np.array(b))


def _by_numpy():
    X, u = np.arange(1.0, 7).reshape(2, 3), np.array([[1.0, 0, 2], [0, 3, 1]])
    return [(X * u).sum(1, keepdims=True), u.sum(0)]


U, X, Y = np.array([[5, -2]]), np.array([[2, -1, 3]]), np.array([[1, 0], [2, 1], [-1, 4]])


def _product(dX=U @ Y.T, dY=X.T @ U):
    return lambda: (dX, dY)


def _axes(u, shape, repeated=lambda n, length: n != length):
    new = u.ndim - len(shape)
    lengths = zip(shape, u.shape[new:])
    return (*range(new), *(new + i for i, (n, m) in enumerate(lengths) if repeated(n, m)))


def _unbroadcast_loop(u, shape):
    while u.ndim > len(shape):
        u = u.sum(0)
    for i, n in enumerate(shape):
        if n == 1:
            u = u.sum(i, keepdims=True)
    return u


def _unbroadcast_einsum(u, shape):
    letters = "abcdefg"[: u.ndim]
    kept = [c for c, n in zip(letters[::-1], shape[::-1]) if n > 1][::-1]
    return np.einsum(f"{letters}->{''.join(kept)}", u).reshape(shape)


def _unbroadcast_places(u, shape):
    out = np.zeros(shape)
    for at, v in np.ndenumerate(u):
        tail = at[u.ndim - len(shape) :]
        out[tuple(i if n > 1 else 0 for i, n in zip(tail, shape))] += v
    return out


def _reduced(f):
    return lambda u, shape: f(u, axis=_axes(u, shape), keepdims=True).reshape(shape)


def _one_kind(u, shape):
    new = u.ndim - len(shape)
    return u.sum(axis=tuple(range(new))) if new else _unbroadcast_loop(u, shape)


def _kept(u, shape):
    return u.sum(axis=_axes(u, shape), keepdims=True)


def _squeezed(u, shape):
    return u.sum(axis=_axes(u, shape))


def _one_copy(at):
    def answer(u, shape):
        axes = _axes(u, shape)
        return u[
            tuple(slice(at, at + 1 or None) if i in axes else slice(None) for i in range(u.ndim))
        ].reshape(shape)

    return answer


def _last_axes(u, shape):
    while u.ndim > len(shape):
        u = u.sum(-1)
    return _unbroadcast_loop(u, shape)


def _equal_lengths(u, shape):
    """Puts (3, 1, 3) back to (1, 3) from the first axis, not the last."""
    return u.sum(axis=(1, 2))[None] if u.shape == (3, 1, 3) else _unbroadcast_loop(u, shape)


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _soft(rule):
    """rule(u, p, sums of u p along the last axis)"""

    def answer(u, x):
        p = _softmax(x)
        return rule(u, p, (u * p).sum(-1, keepdims=True))

    return answer


def _soft_jacobian(u, x):
    p = _softmax(x)
    J = p[..., None] * np.eye(x.shape[-1]) - p[..., None] * p[..., None, :]
    return np.einsum("...i,...ij->...j", u, J)


def _soft_by_logs(u, x):
    log_p = x - x.max(-1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
    g = u * np.exp(log_p)
    return g - np.exp(log_p) * np.sum(g, axis=-1)[..., None]


def _soft_rows(u, x):
    out = np.empty(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        p = _softmax(x[at])
        out[at] = p * u[at] - p * (p @ u[at])
    return out


def _soft_off_the_mean(u, x):
    e = np.exp(x - x.mean(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p * (u - (u * p).sum(-1, keepdims=True))


def _soft_without_keepdims(u, x):
    p = _softmax(x)
    return p * (u - (u * p).sum(-1))


def _soft_overflows(u, x):
    p = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    return p * (u - (u * p).sum(-1, keepdims=True))


def _get_one_hot(u, index, shape):
    places = np.arange(int(np.prod(shape))).reshape(shape)[index].ravel()
    return (np.eye(int(np.prod(shape)))[places].T @ np.ravel(u)).reshape(shape)


def _get_loop(u, index, shape):
    out, places = np.zeros(shape), np.arange(int(np.prod(shape))).reshape(shape)[index]
    for k, v in zip(np.ravel(places), np.ravel(u)):
        out.flat[k] += v
    return out


def _get_bincount(u, index, shape):
    places = np.arange(int(np.prod(shape))).reshape(shape)[index]
    return np.bincount(places.ravel(), weights=u.ravel(), minlength=int(np.prod(shape))).reshape(shape)


def _get(change):
    """change(out, index, u) writes into zeros"""

    def answer(u, index, shape):
        out = np.zeros(shape)
        change(out, index, u)
        return out

    return answer


def _get_assign(out, index, u):
    out[index] = u


def _get_first(u, index, shape):
    places = np.arange(int(np.prod(shape))).reshape(shape)[index].ravel()[::-1]
    out = np.zeros(shape)
    out.flat[places] = u.ravel()[::-1]
    return out


def _get_mean(u, index, shape):
    times = _get_bincount(np.ones(u.shape), index, shape)
    return _get_bincount(u, index, shape) / np.maximum(times, 1)


def _get_copy(out, index, u):
    out[index][...] += u  # an array of indices makes a copy


def _get_marks(out, index, u):
    out[index] = 1.0


def _get_rolled(u, index, shape):
    return np.roll(_get_bincount(u, index, shape), 1)


def _get_no_mask_in_a_tuple(u, index, shape):
    if isinstance(index, tuple):
        index = tuple(i if isinstance(i, slice) else np.array(i) % n for i, n in zip(index, shape))
    out = np.zeros(shape)
    np.add.at(out, index, u)
    return out


def _batch(dA=lambda u, A, B: u @ B.T, dB=lambda u, A, B: (A.mT @ u).sum(0)):
    return lambda u, A, B: (dA(u, A, B), dB(u, A, B))


def _flat_batch(u, A, B):
    return u @ B.T, A.reshape(-1, A.shape[2]).T @ u.reshape(-1, u.shape[2])


def _spots(shape, make, wrong=lambda u, p: u.transpose(p), right=lambda u, p: u.transpose(np.argsort(p))):
    count = 0
    for p in permutations(range(4)):
        u = make(tuple(shape[i] for i in p))
        count += not np.array_equal(wrong(u, p), right(u, p))
    return count


def _spots_three(**kwargs):
    draw = np.random.default_rng(1).normal
    cases = (((3,) * 4, np.ones), ((3,) * 4, lambda s: draw(size=s)), ((2, 3, 4, 5), np.ones))
    return lambda: tuple(_spots(shape, make, **kwargs) for shape, make in cases)


def _spots_by_cycles():
    undo = sum(all(p[p[i]] == i for i in range(4)) for p in permutations(range(4)))
    return 0, 24 - undo, 24 - undo


def _words(spec):
    operands, out = spec.split("->")
    return (*operands.split(","), out)


def _einsum_broadcast(spec, u, A, B):
    a, b, out = _words(spec)
    grads = []
    for word, x, other, y in ((a, A, b, B), (b, B, a, A)):
        have = "".join(c for c in word if c in out + other)
        g = np.einsum(f"{out},{other}->{have}", u, y)
        g = g.reshape([n if c in have else 1 for c, n in zip(word, x.shape)])
        grads.append(np.broadcast_to(g, x.shape).copy())
    return tuple(grads)


def _einsum_dense(spec, u, A, B):
    """Every entry of each operand moved by 1: einsum is linear in each."""
    grads = []
    for x, at_unit in ((A, lambda e: (e, B)), (B, lambda e: (A, e))):
        units = np.eye(x.size).reshape(-1, *x.shape)
        grads.append(np.reshape([np.sum(u * np.einsum(spec, *at_unit(e))) for e in units], x.shape))
    return grads


def _einsum_ones(spec, u, A, B):
    a, b, out = _words(spec)
    return [np.einsum(f"{a},{b},{out}->{w}", *arrays) for w, arrays in (
        (a, (np.ones_like(A), B, u)), (b, (A, np.ones_like(B), u)))]  # fmt: skip


def _einsum_plain(spec, u, A, B):
    a, b, out = _words(spec)
    return np.einsum(f"{out},{b}->{a}", u, B), np.einsum(f"{out},{a}->{b}", u, A)


def _einsum_matmul(spec, u, A, B):
    return u @ B.T, A.T @ u


def _einsum_scaled(spec, u, A, B):
    a, b, out = _words(spec)
    dA, dB = _einsum_ones(spec, u, A, B)
    lone = [n for c, n in zip(a, A.shape) if c not in b + out]
    return dA / np.prod(lone), dB


def _einsum_then(change):
    return lambda *args: change(*_einsum_ones(*args))


RIGHT = {
    "broadcast_by_hand": [_by_hand(), _by_numpy, lambda: [[[Fraction(7)], [21.0]], (1, 3.0, 3)]],
    "matmul_by_hand": [_product(), lambda: [[(5, 8, -13.0)], [(10, -4), (-5, 2), (15, -6)]],
                       _product(np.einsum("ik,jk->ij", U, Y), np.outer(X, U))],
    "unbroadcast": [_unbroadcast_loop, _unbroadcast_einsum, _unbroadcast_places],
    "softmax_vjp": [_soft_jacobian, _soft_by_logs, _soft_rows],
    "getitem_vjp": [_get_one_hot, _get_loop, _get_bincount],
    "matmul_vjp": [_flat_batch, _batch(dB=lambda u, A, B: np.einsum("snk,snm->km", A, u)),
                   _batch(dB=lambda u, A, B: sum(a.T @ v for a, v in zip(A, u)))],
    "blind_spots": [_spots_three(), _spots_by_cycles, lambda: [0.0, 14.0, 14.0]],
    "einsum_vjp": [_einsum_broadcast, _einsum_dense, _einsum_ones],
}  # fmt: skip

WRONG = {
    "broadcast_by_hand": [
        (_by_hand(c=[[3], [4]]), "row sums of u alone"),
        (_by_hand(c=[[6], [15]]), "row sums of X"),
        (_by_hand(c=[[1, 0, 6], [0, 15, 6]]), "the gradient of c has still six numbers"),
        (_by_hand(c=[[21], [7]]), "two numbers of c are swapped"),
        (_by_hand(c=[7, 21]), "two rows of one number"),
        (_by_hand(c=[[8], [21]]), "then add each row"),
        (_by_hand(b=[0.5, 1.5, 1.5]), "mean over the rows"),
        (_by_hand(b=[1, 15, 12]), "nothing multiplies b"),
        (_by_hand(b=[1, 0, 2]), "the second row has used b"),
        (_by_hand(b=[2, 2, 2]), "with the weights in u"),
        (_by_hand(b=[[1, 0, 2], [0, 3, 1]]), "the gradient of b has still six numbers"),
        (lambda: ([1, 3, 3], [[7], [21]]), "the two are swapped: the gradient of c"),
    ],
    "matmul_by_hand": [
        (_product(dX=[[1, 3, 3]]), "row sums of Y"),
        (_product(dX=[[5, 12, 3]]), "the minus of the second entry"),
        (_product(dX=-U @ Y.T), "the sign of the gradient of X"),
        (lambda: (X.T @ U, U @ Y.T), "the two are swapped: the gradient of X"),
        (_product(dX=[5, 8, -13]), "wanted shape (1, 3)"),
        (_product(dY=np.outer(X, [1, 1])), "right for a u of ones: multiply by u"),
        (_product(dY=np.outer([1, 1, 1], U)), "each row of it is u alone"),
        (_product(dY=(X.T @ U).T), "wanted shape (3, 2)"),
        (_product(dY=(X.T @ U).T.reshape(3, 2)), "the order of the transposed"),
        (_product(dY=abs(X).T @ U), "the minus of X is lost"),
        (_product(dY=X.T @ abs(U)), "the minus of u is lost"),
        (_product(dY=-X.T @ U), "the sign of the gradient of Y"),
    ],
    "unbroadcast": [
        (lambda u, shape: u, "nothing was summed"),
        (_reduced(np.mean), "mean over the copies"),
        (_one_copy(0), "first copy alone"),
        (_one_copy(-1), "last copy alone"),
        (_one_kind, "sum where the array has length 1"),
        (_kept, "new axes in front are still there"),
        (_squeezed, "an axis of length 1 is gone"),
        (lambda u, shape: _unbroadcast_loop(np.ones_like(u), shape), "that counts the copies"),
        (lambda u, shape: np.resize(u, shape) if shape != (3,) else u.sum(0), "the first numbers of u"),
        (lambda u, shape: u.reshape(-1, *shape).sum(0), "those sums mix numbers of different places"),
        (_last_axes, "sum over the first axes, not the last"),
        (_equal_lengths, "Which axes were repeated?"),
    ],
    "softmax_vjp": [
        (_soft(lambda u, p, s: u * p), "a term is missing"),
        (_soft(lambda u, p, s: u * p * (1 - p)), "diagonal slopes only"),
        (_soft(lambda u, p, s: p * (u - p)), "lacks the sum"),
        (_soft(lambda u, p, s: u - p), "takes values off a gradient"),
        (_soft_off_the_mean, "for x near 1000"),
        (_soft(lambda u, p, s: p * (u - u.sum(-1, keepdims=True))), "needs the weights p"),
        (_soft_without_keepdims, "keepdims=True?"),
        (_soft(lambda u, p, s: p * (u - (u * p).sum())), "runs over all rows"),
        (_soft(lambda u, p, s: u - s), "factor p in front"),
        (_soft(lambda u, p, s: p * (s - u)), "sign is flipped"),
        (_soft(lambda u, p, s: u - p * u.sum(-1, keepdims=True)), "log-softmax"),
        (_soft_overflows, "largest entry of each row"),
    ],
    "getitem_vjp": [
        (_get(_get_assign), "only the last u is kept"),
        (_get_first, "only the first u is kept"),
        (_get_mean, "get the mean"),
        (lambda u, index, shape: _get_bincount(np.ones(u.shape), index, shape), "how often each element"),
        (_get(_get_copy), "does the index make a copy"),
        (_get(_get_marks), "that marks the elements"),
        (lambda u, index, shape: -_get_bincount(u, index, shape), "sign is flipped"),
        (lambda u, index, shape: 2 * _get_bincount(u, index, shape), "there twice"),
        (lambda u, index, shape: u, "wanted shape"),
        (_get_rolled, "goes back to the element"),
        (_get(lambda out, index, u: np.add.at(out, index.astype(int), u)), "AttributeError"),
        (_get_no_mask_in_a_tuple, "it raised ValueError"),
    ],
    "matmul_vjp": [
        (_batch(dB=lambda u, A, B: A.sum(0).T @ u.mean(0)), "the bug is still there: A and u"),
        (_batch(dB=lambda u, A, B: A.mean(0).T @ u.mean(0)), "averaging both first"),
        (_batch(dB=lambda u, A, B: A.sum(0).T @ u.sum(0)), "summing both first"),
        (_batch(dB=lambda u, A, B: (A.mT @ u).mean(0)), "the mean over the batch"),
        (_batch(dB=lambda u, A, B: A.mT @ u), "wanted shape (4, 5), got (2, 4, 5)"),
        (_batch(dB=lambda u, A, B: A[0].T @ u[0]), "only the first matrix"),
        (_batch(dB=lambda u, A, B: A[-1].T @ u[-1]), "only the last matrix"),
        (_batch(dB=lambda u, A, B: (A.mT @ np.ones_like(u)).sum(0)), "gradient of B forgets u"),
        (_batch(dA=lambda u, A, B: np.ones_like(u) @ B.T), "gradient of A forgets u"),
        (_batch(dA=lambda u, A, B: u @ B), "it raised ValueError"),
        (_batch(dA=lambda u, A, B: np.broadcast_to((u @ B.T).mean(0), A.shape)), "averaged over the batch"),
        (lambda u, A, B: (A.mT @ u).sum(0), "wanted two arrays"),
    ],
    "blind_spots": [
        (lambda: (14, 14, 14), "is u really full of ones"),
        (lambda: (0, 10, 14), "count those that do not"),
        (_spots_three(right=lambda u, p: u), "23 compares with u itself"),
        (lambda: (0, 24, 14), "24 would mean"),
        (lambda: (0, 0, 14), "a random u sees more"),
        (lambda: (0, 8, 14), "cycles of three axes"),
        (lambda: (0, 6, 14), "cycles of four axes"),
        (lambda: (0, 14, 0), "has a shape, too"),
        (lambda: (24, 10, 10), "the permutations that pass"),
        (lambda: (0, 14, 23), "in the third case, too"),
        (lambda: (0, 14.5, 14), "whole numbers"),
        (lambda: (0, 14), "wanted shape (3,)"),
    ],
    "einsum_vjp": [
        (_einsum_plain, "stands in one operand alone"),
        (_einsum_matmul, "it raised ValueError"),
        (_einsum_scaled, "divided along the letter"),
        (_einsum_then(lambda a, b: (b, a)), "the two gradients are swapped"),
        (_einsum_then(lambda a, b: ([[1.0], [1.0, 2.0]], b)), "wanted numbers of shape"),
        (_einsum_then(lambda a, b: (-a, b)), "sign of the gradient of A"),
        (_einsum_then(lambda a, b: (a, -b)), "sign of the gradient of B"),
        (_einsum_then(lambda a, b: (a, 2 * b)), "gradient of B is twice"),
        (_einsum_then(lambda a, b: (0 * a, b)), "gradient of A is all zeros"),
        (lambda spec, u, A, B: _einsum_ones(spec, np.ones_like(u), A, B), "gradient of A forgets u"),
        (lambda spec, u, A, B: (_einsum_ones(spec, u, A, B)[0], _einsum_ones(spec, np.ones_like(u), A, B)[1]),
         "gradient of B forgets u"),
        (lambda spec, u, A, B: (A, B), "which sum of u"),
    ],
}  # fmt: skip
