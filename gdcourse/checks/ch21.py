"""Checks of the exercises of "Use one GPU well" (notebooks/21_one_gpu.ipynb)."""

import numpy as np

from gdcourse.checks.core import Checker, draw, numbers, run, want_close
from gdcourse.probes import Mistake, ch21

check = Checker()


@check.exercise(points=1)
def bytes_by_hand(answer):
    full, mixed, half = numbers(run(answer), (3,), "three numbers of megabytes")
    want_close(full, 80, "the first", [
        (20, "that is the weights alone: a gradient and two moments stand beside each."),
        (40, "AdamW's two moments are missing."),
        (60, "AdamW keeps two arrays, not one; or the gradients are missing."),
        (16, "that is bytes for one parameter: there are 5 million."),
        (80e6, "the answer is to be in megabytes."),
        (640, "that is bits, not bytes."),
        *[(round(80e6 / 2**20, digits), "a megabyte is 10^6 bytes here, not 2^20.") for digits in (9, 4, 3, 2, 1, 0)],
    ], otherwise="the first is not right: weights, gradients and two moments, 4 bytes each.")  # fmt: skip
    want_close(mixed, 80, "the second", [
        (60, "the float32 master weights are missing."),
        (40, "AdamW stays in float32 here, beside float32 master weights."),
        (70, "the gradients are missing, or AdamW has one array too few."),
        (20, "that is weights and gradients alone."),
        (100, "AdamW's two arrays take 8 bytes a parameter, weight and gradient 2 each, the master 4."),
    ], otherwise="the second is not right: count 2-byte and 4-byte arrays for one parameter.")  # fmt: skip
    want_close(half, 30, "the third", [
        (20, "one array is missing: weights, gradients and the momentum."),
        (40, "SGD with momentum has one array, not two."),
        (60, "bfloat16 takes 2 bytes, not 4."),
        (50, "the momentum is in bfloat16, too, and there are no master weights."),
    ], otherwise="the third is not right: how many arrays of 2 bytes?")  # fmt: skip


@check.exercise(points=1)
def flops_by_hand(answer):
    forward, backward, scores = numbers(run(answer), (3,), "three numbers of FLOPs")
    want_close(forward, 120_000, "forward", [
        (60_000, "forward: an addition goes with each multiplication."),
        (2_400, "forward: that is for one token; there are 50."),
        (240_000, "forward: that is twice too many; the backward pass has two products."),
        (360_000, "forward: that is forward and backward together."),
        (118_500, "forward: k additions for k products is the usual count: 2 m n k."),
    ], otherwise="forward is not right: 2 m n k for the product of (50, 40) and (40, 30).")  # fmt: skip
    want_close(backward, 240_000, "backward", [
        (120_000, "backward: there are two products, one for the weight, one for the input."),
        (360_000, "backward: that is forward and backward together."),
        (60_000, "backward: an addition goes with each multiplication, and there are two products."),
        (4_800, "backward: that is for one token."),
    ], otherwise="backward is not right: two products of the forward one's size.")  # fmt: skip
    want_close(scores, 200_000, "scores", [
        (50_000, "scores: that is one head."),
        (100_000, "scores: an addition goes with each multiplication, and later tokens count, too."),
        (400_000, "scores: the mean of the v is not asked for."),
        (102_000, "scores: every pair of tokens, later ones too."),
        (600_000, "scores: forwards only."),
    ], otherwise="scores is not right: for each head a (50, 10) by (10, 50) product.")  # fmt: skip


@check.exercise(points=2)
def whole_gradient(answer):
    rng = draw(21)
    for m, d, size in ((13, 3, 4), (12, 3, 4), (10, 4, 7), (5, 2, 8), (9, 3, 1), (7, 2, 6)):
        X, y, theta = rng.normal(size=(m, d)), 10 * rng.normal(size=m), rng.normal(size=d)
        result, used, seen = run(answer, X, y, theta, size, probe=ch21.pieced)
        if sorted(seen) != sorted(y):
            lost, often = len(set(y) - set(seen)), len(seen) - len(set(seen))
            if lost:
                why = (
                    f"the last piece may be smaller than {size}."
                    if lost < size
                    else "does the loop reach the end?"
                )
                raise Mistake(f"{lost} of {m} rows were never used: {why}")
            raise Mistake(f"each row is used once; here {often} were used again.")
        counts, parts = (np.array(column) for column in zip(*used))  # the pieces that the answer made
        want = X.T @ (X @ theta - y) / m
        mistakes = [
            (parts.sum(axis=0), "the pieces' gradients are added up without their weights: k times too large."),
            (parts.mean(axis=0), f"the pieces have {counts.tolist()} rows, but count alike: weight each by its rows."),
            (want * m, "divide by the number of all rows: that is the gradient of the sum, not of the mean."),
            (size / m * parts.sum(axis=0), "the last piece has fewer rows: its weight is its own number of rows."),
            (want * m / size, "the weights have to add up to 1: divide by the number of all rows, not by size."),
            (want / len(parts), "the weights n_j / n are enough: do not divide by the number of pieces again."),
            (parts[-1], "that is the last piece alone: add up."),
            (-want, "the sign is flipped."),
        ]  # fmt: skip
        want_close(result, want, "the gradient", mistakes, rtol=1e-9, atol=1e-12)


@check.exercise(points=2)
def loss_scale(answer):
    rng = draw(5)
    draws = [np.array([3e-8, -2e-3, 1e-5]), np.array([[1.0, -65504.0], [0.0, 2.0]])]
    draws += [rng.normal(size=7) * 10.0**k for k in (-9, -4, 0, 3, 9)]
    draws += [np.array([65510 / 2**20, 1e-9])]  # float16 rounds 65510 down to a finite number
    draws += [np.array([65520 / 2**20, 1e-9]), np.array([0.5, 0.25]), np.array([-1.0])]
    for g in draws:
        got = numbers(run(answer, g), (), "the scale")
        top, limit = np.abs(g).max(), 65504
        want = 1.0
        while want * top > limit:
            want /= 2
        while 2 * want * top <= limit:
            want *= 2
        k = np.log2(want)
        if got <= 0:
            raise Mistake("a scale of 0 or less erases or flips all gradients; 2 ** k is positive.")
        lower = lambda x: 2.0 ** np.floor(np.log2(limit / x))
        low = np.abs(g[g != 0]).min()
        if got != want and np.log2(got) % 1 and got * top > limit * 0.99 and got * top < limit * 1.01:
            raise Mistake("that is not a power of two: round its logarithm down.")
        want_close(got, want, "the scale", [
            (k, "that is the exponent k; the scale is 2 ** k."),
            (2.0 ** np.floor(np.log2(65536 / top)), "the limit is 65504, a little below 65536: an entry overflows."),
            (2 * want, "an entry overflows: round the exponent down, not up or to the nearest (int() rounds towards 0)."),
            (want / 2, "twice as large a scale would fit, too; is the limit 65504 itself allowed?"),
            (max(want, 1.0), "a scale below 1 is allowed, and here needed."),
            (min(want, 1.0), "a scale above 1 is needed here."),
            (min(want, 2.0**16), "the exponent is not limited to 16."),
            (lower(low), "the smallest entry fits, but the largest one overflows: take the largest."),
            (lower(max(g.max(), 1e-300)), "the largest size may be that of a negative entry: take absolute values."),
            (lower(np.abs(g).mean()), "the largest entry decides, not the mean."),
            (lower(np.linalg.norm(g)), "the largest entry decides, not the norm."),
            (1 / want, "that is what to multiply by after backward; the scale itself is its inverse."),
        ], otherwise=f"with the largest entry {top:.6g} the scale {got:.6g} is not the largest power of two that fits.")  # fmt: skip


@check.exercise(points=2)
def segments_memory(answer):
    rng = draw(6)
    cuts = [rng.integers([3, 15, 1, 5], [5, 26, 3, 7])]  # longest, shortest, first, last and mean all differ
    cuts += [rng.integers(1, 10, k) for k in (3, 1, 2)] + [np.ones(3, int)]
    for sizes in cuts:
        sizes, c = sizes.tolist(), int(rng.integers(20, 100))
        a = int(rng.choice([211, 223, 227, 229, 233, 239]))  # a prime: no two mistakes give the same bytes
        got = numbers(run(answer, sizes, a, c), (2,), "(bytes, forward work)")
        layers, k = sum(sizes), len(sizes)
        want_close(got[0], k * c + max(sizes) * a, f"bytes for sizes {sizes}", [
            (layers * a, "that is without checkpointing: only one segment's activations are there at a time."),
            (k * c + layers * a, "only one segment's activations are there at a time: the longest one's."),
            (max(sizes) * a, "the inputs of the segments are held, too."),
            (k * c, "the segment that is being run again holds its activations."),
            (layers * c + max(sizes) * a, "an input is held for each segment, not for each layer."),
            (c + max(sizes) * a, "all segments' inputs are held, not one."),
            (k * c + layers / k * a, "the segments differ: the longest one makes the worst moment, not the mean."),
            (k * c + min(sizes) * a, "the longest segment makes the worst moment, not the shortest."),
            (k * c + sizes[0] * a, "the longest segment makes the worst moment, not the first."),
            (k * c + sizes[-1] * a, "the longest segment makes the worst moment, not the last."),
            (k * a + max(sizes) * c, "a and c are swapped."),
            ((k - 1) * c + max(sizes) * a, "the first segment's input is held, too."),
            (max((i + 1) * c + n * a for i, n in enumerate(sizes)), "here no input is freed before the backward pass has ended."),
        ])  # fmt: skip
        want_close(got[1], 2, "the forward work", [
            (1, "every layer runs a second time: that is not 1."),
            (k, "each layer runs twice, however many segments there are."),
            (2 * layers, "as a multiple of one forward pass, not in layers."),
            (layers, "as a multiple of one forward pass, not in layers."),
            (4 / 3, "that counts the backward pass, too; here the forward work alone."),
            (1 + max(sizes) / layers, "all segments are run again, not the longest alone."),
            (2 - sizes[-1] / layers, "here the last segment is run again, too."),
        ])  # fmt: skip


@check.exercise(points=2)
def kernel_time(answer):
    rng = draw(7)
    durations = rng.uniform([1, 5, 0.4], [3, 8, 0.8]).round(3)
    compiles = (durations * rng.uniform(60, 140, 3)).round(3)
    queues = rng.uniform([0, 50, 5], [0, 100, 15]).round(3)
    repeats = rng.integers([14, 5, 40], [20, 12, 60])  # at 14 to 19, no two mistakes give the same time
    cases = zip(durations.tolist(), compiles.tolist(), queues.tolist(), repeats.tolist())
    for duration, compile_time, busy, repeat in cases:
        got, launches = run(answer, duration, compile_time, busy, repeat, probe=ch21.timed)
        got = numbers(got, (), "the time")
        if abs(got - duration) <= 0.05 * duration:
            if launches <= repeat:
                raise Mistake(
                    f"a mean over {repeat} runs after a warm-up takes {repeat + 1} launches; there were {launches}."
                )
            continue
        near = lambda x, share=0.03: abs(got - x) <= share * abs(x)
        if got <= 0:
            raise Mistake("a time of 0 or less: is it the end minus the start?")
        if near(duration / 1000) or near(duration * 1000):
            raise Mistake("the time is to be in milliseconds, as gpu.now() gives it.")
        if got < 0.05 * duration:
            raise Mistake(
                "the clock is read while the work is still in the queue: wait before you read it again."
            )
        cold = (compile_time + repeat * duration + busy) / repeat
        if near(cold, 1e-3) or near(cold - busy / repeat, 1e-3):
            raise Mistake(
                "the first launch, which compiles, is in the mean: launch once and wait before the clock starts."
            )
        warm = (compile_time + (repeat + 1) * duration + busy) / repeat
        if near(warm, 1e-3) or near(warm - busy / repeat, 1e-3):
            raise Mistake("the warm-up still runs when the clock starts: wait for it first.")
        if near(duration * repeat):
            raise Mistake("that is the time of all runs: divide by repeat.")
        if near(duration * (repeat + 1) / repeat) or near(duration * repeat / (repeat + 1)):
            raise Mistake("the number of runs between the two readings is not the number you divide by.")
        if near(duration / repeat):
            raise Mistake("only one run lies between the readings, but it is divided by repeat.")
        raise Mistake(f"got {got:.4g} ms for work of {duration:g} ms: wait before each reading of the clock.")


@check.exercise(points=2)
def largest_batch(answer):
    short, long = numbers(run(answer), (2,), "two batch sizes")
    want_close(short, 49, "the batch for 128", [
        (55, "activations alone: weights, gradients and AdamW take 16 bytes a parameter."),
        (53, "the gradients and AdamW's two moments are missing: 16 bytes a parameter."),
        (52, "AdamW's two moments are missing (16 bytes a parameter), or a megabyte is not 10^6 bytes."),
        (51, "AdamW has two moments: 16 bytes a parameter. Or is the last line of (1) missing, with N V?"),
        (50, "50 do not fit: round down. If you did: are both tables, the head and the last line of (1) in it?"),
        (49.979, "a batch is a whole number of texts: round down."),
        (61, "the softmax weights of attention are missing: heads times T numbers a token."),
        (59, "each of the 8 heads has softmax weights."),
        (242, "there are 6 blocks."),
        (199, "each number takes 4 bytes."), (99, "each number takes 4 bytes, not 2."),
        (20, "the two are swapped: the first is for 128."),
    ], rtol=1e-5, otherwise=f"the batch for 128: {short:g} is not the largest that fits; do 16 P and A fit in 910 MB just so?")  # fmt: skip
    want_close(long, 20, "the batch for 256", [
        (24, "half the batch would be right if bytes grew in proportion to T: attention grows with its square."),
        (24.5, "half the batch would be right if bytes grew in proportion to T: attention grows with its square."),
        (25, "half the batch would be right if bytes grew in proportion to T: attention grows with its square."),
        (21, "21 do not fit: round down. If you did: does `places` have 256 rows here, and is all of (1) in it?"),
        (20.978, "a batch is a whole number of texts: round down."),
        (49, "the context changes the bytes of every text."),
        (12, "twice the context is not four times the bytes: only attention grows with the square."),
    ], rtol=1e-5, otherwise=f"the batch for 256: {long:g} is not the largest that fits.")  # fmt: skip


def peak_of(sizes, a, c):
    cuts = np.cumsum([0, *sizes])
    return len(sizes) * c + max(sum(a[i:j]) for i, j in zip(cuts, cuts[1:]))


def lowest(a, c):
    """The lowest peak, by dynamic programming over (layers done, segments): independent of greedy filling."""
    n, sums = len(a), np.concatenate([[0], np.cumsum(a)])
    worst, best = np.full(n + 1, np.inf), np.inf
    worst[0] = 0
    for k in range(1, n + 1):
        worst = np.array([np.inf] + [
            min(max(worst[i], sums[j] - sums[i]) for i in range(j)) for j in range(1, n + 1)
        ])  # fmt: skip
        best = min(best, worst[n] + k * c)
    return best


def without_floor(a, c):
    """The cuts that seem best when greedy filling may also try limits below the largest layer, which it cannot keep."""

    def fill(limit):
        sizes, held = [], np.inf
        for layer in a:
            sizes, held = ([*sizes, 0], 0) if held + layer > limit else (sizes, held)
            sizes[-1], held = sizes[-1] + 1, held + layer
        return sizes

    ends = range(len(a) + 1)
    seems = {
        limit: len(fill(limit)) * c + limit for limit in (sum(a[i:j]) for i in ends for j in ends if i < j)
    }
    return [fill(limit) for limit in seems if seems[limit] == min(seems.values()) and limit < max(a)]


@check.exercise(points=3)
def best_cuts(answer):
    rng = draw(3)
    cases = [
        ([4, 4, 4, 4], 4),
        ([1, 1, 1, 9, 1, 1, 1], 1),
        ([5], 3),
        ([1, 10], 5),
        ([2, 3, 4], 100),
        ([9, 9, 9], 0),
    ]
    cases += [
        (rng.integers(1, 30, int(n)).tolist(), int(rng.integers(1, 40))) for n in rng.integers(5, 11, 8)
    ]
    cases += [(rng.integers(1, 100, 40).tolist(), 60)]
    for a, c in cases:
        sizes = run(answer, a, c, probe=ch21.cut)
        if None in sizes or any(s < 1 for s in sizes):
            raise Mistake("each segment has a whole number of layers, at least 1.")
        if sum(sizes) != len(a):
            raise Mistake(f"the sizes add up to {sum(sizes)}, but there are {len(a)} layers.")
        got, want = peak_of(sizes, a, c), lowest(a, c)
        if got == want:
            continue
        if sizes in without_floor(a, c):
            raise Mistake(
                f"a limit below the largest layer, {max(a)}, cannot be kept: greedy filling passes it, and the peak is "
                "higher than len(sizes) * c + limit. Try only limits from max(a) on."
            )
        if len(sizes) == 1:
            raise Mistake(
                f"one segment for {len(a)} layers is plain training plus an input; cuts lower the peak."
            )
        if len(sizes) == len(a):
            raise Mistake("a segment for each layer holds too many inputs here.")
        if max(sizes) - min(sizes) <= 1:
            raise Mistake("the layers differ: segments with equal numbers of layers are not the best.")
        text = f" for a = {a}, c = {c}" if len(a) < 12 else f" for {len(a)} layers"
        raise Mistake(f"peak {got:g}, but {want:g} is possible{text}.")
