"""Right and wrong answers to the exercises of "Use one GPU well"."""

import itertools
import math
from fractions import Fraction

import numpy as np

# The whole gradient


def _pieces(X, size):
    return [slice(k, k + size) for k in range(0, len(X), size)]


def _split(gradient, X, y, size):
    """np.array_split makes pieces of nearly equal size, each at most `size`."""
    rows = np.array_split(np.arange(len(X)), math.ceil(len(X) / size))
    return sum(len(r) * gradient(X[r], y[r]) for r in rows) / len(X)


def _unweighted_split(gradient, X, y, size):
    rows = np.array_split(np.arange(len(X)), math.ceil(len(X) / size))
    return np.mean([gradient(X[r], y[r]) for r in rows], axis=0)


def _average(gradient, X, y, size):
    parts = [gradient(X[p], y[p]) for p in _pieces(X, size)]
    return np.average(parts, axis=0, weights=[len(X[p]) for p in _pieces(X, size)])


def _rows(gradient, X, y, size):
    return np.mean([gradient(X[k : k + 1], y[k : k + 1]) for k in range(len(X))], axis=0)


def _combined(rule):
    return lambda gradient, X, y, size: rule(
        np.array([gradient(X[p], y[p]) for p in _pieces(X, size)]),
        np.array([len(X[p]) for p in _pieces(X, size)])[:, None],
        size,
    )


def _no_rest(gradient, X, y, size):
    whole = [p for p in _pieces(X, size) if len(X[p]) == size] or _pieces(X, size)
    return np.mean([gradient(X[p], y[p]) for p in whole], axis=0)


def _shift_back(gradient, X, y, size):
    """The last piece is filled up with rows that were used already."""
    parts = [gradient(X[max(0, p.stop - size) : p.stop], y[max(0, p.stop - size) : p.stop]) for p in
             [slice(0, min(k + size, len(X))) for k in range(0, len(X), size)]]  # fmt: skip
    return np.mean(parts, axis=0)


# The scale


def _loop_scale(g):
    s, top = 1.0, np.abs(g).max()
    while s * top > 65504:
        s /= 2
    while 2 * s * top <= 65504:
        s *= 2
    return s


def _frexp_scale(g):
    mantissa, exponent = math.frexp(65504 / float(np.max(np.abs(g))))
    return math.ldexp(1.0, exponent - 1)


def _exact_scale(g):
    top = Fraction(float(max(g.max(), -g.min())))
    k = next(k for k in range(200, -200, -1) if Fraction(2) ** k * top <= 65504)
    return 2.0**k


def _finite_in_float16(g):
    powers = [2.0**k for k in range(100, -100, -1)]
    return next(s for s in powers if np.isfinite((s * g).astype(np.float16)).all())


def _floor(x):
    return 2.0 ** np.floor(np.log2(65504 / x))


# The clock


def _timed(warm=1, wait_warm=True, wait=True, divide=True, runs=0):
    def answer(gpu, work, repeat):
        for _ in range(warm):
            gpu.launch(work)
        if wait_warm:
            gpu.wait()
        start = gpu.now()
        for _ in range(repeat + runs):
            gpu.launch(work)
        if wait:
            gpu.wait()
        return (gpu.now() - start) / (repeat if divide else 1)

    return answer


def _each_waits(gpu, work, repeat):
    times = []
    for _ in range(repeat + 1):
        gpu.wait()
        start = gpu.now()
        gpu.launch(work)
        gpu.wait()
        times.append(gpu.now() - start)
    return sum(times[1:]) / repeat


def _median(gpu, work, repeat):
    def one():
        gpu.wait()
        start = gpu.now()
        gpu.launch(work)
        gpu.wait()
        return gpu.now() - start

    return float(np.median([one() for _ in range(repeat + 2)]))


# The batch


def _fits(T, B):
    d, blocks, heads, V, N = 256, 6, 8, 1000, B * T
    P = 2 * V * d + T * d + blocks * (12 * d * d + 13 * d) + 2 * d
    return 16 * P + 4 * (blocks * (16 * N * d + 4 * N + heads * T * N) + 2 * N * d + 2 * N + N * V) <= 910e6


# The cuts


def _dynamic(a, c):
    """For each number of segments, the best cuts by the best cuts of the layers before."""
    n = len(a)
    table, found = {0: (0, [])}, []
    for k in range(1, n + 1):
        new = {}
        for j in range(1, n + 1):
            options = [
                (max(table[i][0], sum(a[i:j])), [*table[i][1], j - i]) for i in range(j) if i in table
            ]  # fmt: skip
            if options:
                new[j] = min(options)
        table = new
        if n in table:
            found.append((table[n][0] + k * c, table[n][1]))
    return min(found)[1]


def _greedy(a, limit):
    sizes, held = [], 0
    for layer in a:
        if not sizes or held + layer > limit:
            sizes.append(0)
            held = 0
        sizes[-1] += 1
        held += layer
    return sizes


def _peak(a, c, sizes):
    edges = np.cumsum([0, *sizes])
    return len(sizes) * c + max(sum(a[i:j]) for i, j in zip(edges, edges[1:]))


def _any_limit(a, c):
    """Forgets that no limit may lie below the largest layer: greedy filling then passes it."""
    limits = {sum(a[i:j]) for i in range(len(a)) for j in range(i + 1, len(a) + 1)}
    return _greedy(a, min(limits, key=lambda limit: (len(_greedy(a, limit)) * c + limit, limit)))


def _every_limit(a, c):
    return min((_greedy(a, limit) for limit in range(max(a), sum(a) + 1)), key=lambda s: _peak(a, c, s))


def _bisect(a, c):
    """For each number of segments the lowest limit, found by halving."""
    tries = []
    for k in range(1, len(a) + 1):
        low, high = max(a), sum(a)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if len(_greedy(a, middle)) <= k else (middle + 1, high)
        tries.append(_greedy(a, low))
    return np.array(min(tries, key=lambda s: _peak(a, c, s)))


def _equal(a, c):
    k = max(1, min(len(a), round(math.sqrt(sum(a) / max(c, 1)))))
    return [len(part) for part in np.array_split(np.arange(len(a)), k)]


RIGHT = {
    "bytes_by_hand": [
        lambda: (5 * 16, 5 * 16, 5 * 6),
        lambda: np.array([80.0, 80.0, 30.0]),
        lambda: [Fraction(80), Fraction(80), Fraction(30)],
    ],
    "flops_by_hand": [
        lambda: (2 * 50 * 40 * 30, 4 * 50 * 40 * 30, 2 * 50 * 50 * 40),
        lambda: np.array([1.2e5, 2.4e5, 2.0e5]),
        lambda: [120_000, 2 * 120_000, 4 * 50_000],
    ],
    "whole_gradient": [_split, _average, _rows],
    "loss_scale": [_loop_scale, _frexp_scale, _exact_scale],
    "segments_memory": [
        lambda sizes, a, c: (max(len(sizes) * c + n * a for n in sizes), 2),
        lambda sizes, a, c: np.array(
            [sum(c for _ in sizes) + a * np.max(sizes), 2 * sum(sizes) / sum(sizes)]
        ),
        lambda sizes, a, c: [sorted(sizes)[-1] * a + c * len(sizes), 2.0],
    ],
    "kernel_time": [_timed(), _timed(warm=3), _each_waits, _median],
    "largest_batch": [
        lambda: tuple(max(B for B in range(1, 100) if _fits(T, B)) for T in (128, 256)),
        lambda: np.array([49.0, 20.0]),
        lambda: [next(B for B in range(1, 100) if not _fits(T, B + 1)) for T in (128, 256)],
    ],
    "best_cuts": [_dynamic, _every_limit, _bisect],
}

WRONG = {
    "bytes_by_hand": [
        (lambda: (20, 80, 30), "the weights alone"),
        (lambda: (40, 80, 30), "AdamW's two moments are missing"),
        (lambda: (60, 80, 30), "keeps two arrays"),
        (lambda: (16, 16, 6), "for one parameter"),
        (lambda: [round(5e6 * n / 2**20, 2) for n in (16, 16, 6)], "10^6 bytes here, not 2^20"),
        (lambda: (80, 60, 30), "the float32 master weights are missing"),
        (lambda: (80, 40, 30), "AdamW stays in float32"),
        (lambda: (80, 80, 20), "one array is missing"),
        (lambda: (80, 80, 40), "one array, not two"),
        (lambda: (80, 80, 60), "2 bytes, not 4"),
        (lambda: "80, 80, 30", "wanted numbers"),
        (lambda: 80, "wanted shape (3,)"),
    ],
    "flops_by_hand": [
        (lambda: (60_000, 240_000, 200_000), "forward: an addition goes with each"),
        (lambda: (2_400, 240_000, 200_000), "that is for one token"),
        (lambda: (118_500, 240_000, 200_000), "the usual count"),
        (lambda: (120_000, 120_000, 200_000), "there are two products"),
        (lambda: (120_000, 360_000, 200_000), "forward and backward together"),
        (lambda: (120_000, 240_000, 50_000), "that is one head"),
        (lambda: (120_000, 240_000, 100_000), "scores: an addition goes with each"),
        (lambda: (120_000, 240_000, 400_000), "is not asked for"),
        (lambda: None, "returned None"),
    ],
    "whole_gradient": [
        (_combined(lambda g, n, size: g.sum(axis=0)), "without their weights"),
        (_combined(lambda g, n, size: (n * g).sum(axis=0)), "gradient of the sum"),
        (_combined(lambda g, n, size: size * g.sum(axis=0) / n.sum()), "the last piece has fewer rows"),
        (_combined(lambda g, n, size: (n * g).sum(axis=0) / size), "have to add up to 1"),
        (
            _combined(lambda g, n, size: (n * g).sum(axis=0) / n.sum() / len(n)),
            "do not divide by the number of pieces",
        ),
        (_combined(lambda g, n, size: g[-1]), "the last piece alone"),
        (lambda gradient, X, y, size: gradient(X, y), "rows at once; only 4 fit"),
        (_no_rest, "the last piece may be smaller"),
        (lambda gradient, X, y, size: gradient(X[:size], y[:size]), "does the loop reach the end"),
        (_unweighted_split, "but count alike"),
        (_shift_back, "were used again"),
        (lambda gradient, X, y, size: gradient(X[:0], y[:0]), "empty piece"),
    ],
    "loss_scale": [
        (lambda g: np.log2(_loop_scale(g)), "that is the exponent"),
        (_finite_in_float16, "65504, a little below 65536"),
        (lambda g: 2.0 ** int(np.log2(65504 / np.abs(g).max())), "rounds towards 0"),
        (lambda g: 2.0 ** np.ceil(np.log2(65504 / np.abs(g).max())), "an entry overflows"),
        (lambda g: _loop_scale(g) / 2, "twice as large a scale would fit"),
        (lambda g: 65504 / np.abs(g).max(), "not a power of two"),
        (lambda g: _floor(g.max()) if g.max() > 0 else 1.0, "absolute values"),
        (lambda g: _floor(np.abs(g).mean()), "not the mean"),
        (lambda g: max(1.0, _loop_scale(g)), "below 1 is allowed"),
        (lambda g: 1 / _loop_scale(g), "its inverse"),
        (lambda g: _floor(np.abs(g[g != 0]).min()), "take the largest"),
        (lambda g: "large", "wanted numbers"),
    ],
    "segments_memory": [
        (lambda sizes, a, c: (sum(sizes) * a, 2), "without checkpointing"),
        (lambda sizes, a, c: (max(sizes) * a, 2), "inputs of the segments are held"),
        (lambda sizes, a, c: (sum(sizes) * c + max(sizes) * a, 2), "not for each layer"),
        (lambda sizes, a, c: (len(sizes) * c + np.mean(sizes) * a, 2), "not the mean"),
        (lambda sizes, a, c: (len(sizes) * c + min(sizes) * a, 2), "not the shortest"),
        (lambda sizes, a, c: (len(sizes) * c + sizes[-1] * a, 2), "not the last"),
        (lambda sizes, a, c: ((len(sizes) - 1) * c + max(sizes) * a, 2), "first segment's input"),
        (lambda sizes, a, c: (max((i + 1) * c + n * a for i, n in enumerate(sizes)), 2), "no input is freed"),
        (lambda sizes, a, c: (len(sizes) * c + max(sizes) * a, 1), "runs a second time"),
        (lambda sizes, a, c: (len(sizes) * c + max(sizes) * a, len(sizes)), "however many segments"),
        (lambda sizes, a, c: (len(sizes) * c + max(sizes) * a, 4 / 3), "forward work alone"),
        (lambda sizes, a, c: len(sizes) * c + max(sizes) * a, "wanted shape (2,)"),
    ],
    "kernel_time": [
        (_timed(wait=False), "still in the queue"),
        (_timed(warm=0, wait_warm=False), "which compiles, is in the mean"),
        (_timed(wait_warm=False), "the warm-up still runs"),
        (_timed(divide=False), "divide by repeat"),
        (lambda gpu, work, repeat: _timed(runs=1 - repeat)(gpu, work, repeat), "only one run"),
        (_timed(runs=2), "wait before each reading of the clock"),
        (lambda gpu, work, repeat: _timed()(gpu, work, 1), "launches; there were 2."),
        (lambda gpu, work, repeat: _timed()(gpu, work, repeat) / 1000, "in milliseconds"),
        (lambda gpu, work, repeat: -_timed()(gpu, work, repeat), "0 or less"),
        (lambda gpu, work, repeat: None, "returned None"),
        (lambda gpu, work, repeat: gpu.synchronize(), "no attribute 'synchronize'"),
        (lambda gpu, work, repeat: _timed()(gpu, work, repeat) and gpu._duration, "no attribute '_duration'"),
    ],
    "largest_batch": [
        (lambda: (55, 23), "activations alone"),
        (lambda: (53, 22), "two moments are missing"),
        (lambda: (52, 22), "10^6 bytes"),
        (lambda: (51, 21), "with N V"),
        (lambda: (50, 21), "50 do not fit"),
        (lambda: (61, 30), "softmax weights"),
        (lambda: (199, 83), "takes 4 bytes"),
        (lambda: (49, 24), "grows with its square"),
        (lambda: (49, 49), "the context changes"),
        (lambda: (20, 49), "are swapped"),
        (lambda: (49, 21), "21 do not fit"),
        (lambda: 49, "wanted shape (2,)"),
    ],
    "best_cuts": [
        (lambda a, c: [len(a)], "one segment for"),
        (lambda a, c: [1] * len(a), "too many inputs"),
        (_equal, "are not the best"),
        (lambda a, c: [len(a) - 1, 1] if len(a) > 1 else [1], "is possible"),
        (lambda a, c: [2] * (len(a) // 2), "add up to"),
        (lambda a, c: [len(a), 0], "at least 1"),
        (_any_limit, "a limit below the largest layer"),
        (lambda a, c: itertools.count(1), "the sizes add up"),
        (lambda a, c: min(_peak(a, c, s) for s in ([len(a)], [1] * len(a))), "wanted a list"),
    ],
}
