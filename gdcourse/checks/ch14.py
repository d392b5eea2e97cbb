"""Checks of the exercises of "Build Tensor" (notebooks/14_tensor_autograd.ipynb)."""

import itertools
import math

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, want_close

check = Checker()


def two(result, what):
    """The two parts of a pair; raises Mistake for anything else."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake(f"wanted two arrays, {what}; got {type(result).__name__}: return them with a comma.")
    return result


def shape_of(result):
    """The shape of anything; None where there is none, as of a ragged list."""
    try:
        return np.shape(result)
    except Exception:
        return None


@check.exercise(points=1)
def broadcast_by_hand(answer):
    c, b = two(run(answer), "the gradient of c and that of b")
    if (shape_of(c), shape_of(b)) == ((3,), (2, 1)):
        raise Mistake("the two are swapped: the gradient of c first.")
    if shape_of(c) == (2, 3):
        raise Mistake("the gradient of c has still six numbers, the shares of its copies: add each row.")
    if shape_of(c) == (2,):
        raise Mistake("the gradient of c has the shape of c, (2, 1): two rows of one number, [[..], [..]].")
    if shape_of(b) == (2, 3):
        raise Mistake("the gradient of b has still six numbers, the shares of its copies: add each column.")
    want_close(c, [[7], [21]], "the gradient of c", [
        ([[3], [4]], "those are the row sums of u alone: c is multiplied by X, so its copies get u times X."),
        ([[6], [15]], "those are the row sums of X: they hold for a u of ones; multiply by u first."),
        ([[7 / 3], [7]], "that is the mean over the copies of c; they add up, without a division."),
        ([[21], [7]], "the two numbers of c are swapped: c_0 stands in the first row."),
    ], otherwise="the gradient of c is not right: multiply u and X element by element, then add each row.")  # fmt: skip
    want_close(b, [1, 3, 3], "the gradient of b", [
        ([0.5, 1.5, 1.5], "that is the mean over the rows; the copies of b add up, without a division."),
        ([2, 2, 2], "each number of b is used twice, but with the weights in u: add the columns of u."),
        ([1, 15, 12], "those are the column sums of u times X: nothing multiplies b, so its copies get u alone."),
        ([1, 0, 2], "that is the first row of u: the second row has used b, too."),
        ([0, 3, 1], "that is the last row of u: the first row has used b, too."),
    ], otherwise="the gradient of b is not right: b was added to each row, so add the columns of u.")  # fmt: skip


@check.exercise(points=1)
def matmul_by_hand(answer):
    dX, dY = two(run(answer), "the gradient of X and that of Y")
    if (shape_of(dX), shape_of(dY)) == ((3, 2), (1, 3)):
        raise Mistake("the two are swapped: the gradient of X first.")
    want_close(dX, [[5, 8, -13]], "the gradient of X", [
        ([[1, 3, 3]], "those are the row sums of Y, right for a u of ones: weigh the columns of Y with u."),
        ([[5, 12, 3]], "the minus of the second entry of u is lost."),
        ([[-5, -8, 13]], "the sign of the gradient of X is flipped."),
        ([[2, -1, 3]], "that is X itself; wanted its gradient, u Y^T."),
    ], otherwise="the gradient of X is not u Y^T: entry j is u times row j of Y, multiplied and added.")  # fmt: skip
    want_close(dY, [[10, -4], [-5, 2], [15, -6]], "the gradient of Y", [
        ([[2, 2], [-1, -1], [3, 3]], "each row of it is an entry of X alone, right for a u of ones: multiply by u."),
        ([[5, -2], [5, -2], [5, -2]], "each row of it is u alone: multiply row i by entry i of X."),
        ([[-10, 4], [5, -2], [-15, 6]], "the sign of the gradient of Y is flipped."),
        ([[10, 4], [-5, -2], [15, 6]], "the minus of u is lost in the second column."),
        ([[10, -4], [5, -2], [15, -6]], "the minus of X is lost in the second row."),
        ([[10, -5], [15, -4], [2, -6]], "the numbers are right, but in the order of the transposed matrix."),
    ], otherwise="the gradient of Y is not X^T u: row i is u, multiplied by entry i of X.")  # fmt: skip


def collected(u, places, shape):
    """Sum of u over equal places, numbers from 0 to the size of ``shape``."""
    size = math.prod(shape)
    return np.bincount(places.ravel(), u.ravel(), minlength=size)[:size].reshape(shape)


SHAPES = [
    ((5, 3), (3,)),
    ((5, 3), (5, 1)),
    ((5, 3), (1, 3)),
    ((5, 3), (5, 3)),
    ((5, 3), ()),
    ((2, 4, 3), (4, 1)),
    ((2, 4, 3), (1,)),
    ((2, 4, 3), (2, 1, 1)),
    ((2, 4, 4), (4, 1)),
    ((3, 1, 3), (1, 3)),
    ((2, 3, 1, 5), (3, 1, 1)),
]


@check.exercise(points=2)
def unbroadcast(answer):
    rng = draw(141)
    for full, shape in SHAPES:
        u = rng.normal(size=full)
        places = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), full)
        want = collected(u, places, shape)
        result = run(answer, u, shape)
        what = f"a gradient {full} for an array {shape}"
        got = numbers(result, np.shape(result) if isinstance(result, np.ndarray) else shape, what)
        if got.shape != shape:
            if got.shape == full:
                raise Mistake(f"{what}: nothing was summed; wanted the shape {shape}.")
            if got.ndim > len(shape):
                raise Mistake(
                    f"{what}: got {got.shape}; the new axes in front are still there: sum over them."
                )
            if got.ndim < len(shape):
                raise Mistake(
                    f"{what}: got {got.shape}; an axis of length 1 is gone: keep it (keepdims), or reshape."
                )
            if got.shape == full[: len(shape)]:
                raise Mistake(
                    f"{what}: got {got.shape}; NumPy adds new axes in front: sum over the first axes, not the last."
                )
            raise Mistake(f"{what}: got {got.shape}, wanted {shape}; sum where the array has length 1, too.")
        copies = u.size // max(math.prod(shape), 1)
        flat = u.reshape(-1, *shape)[0] if full[len(full) - len(shape) :] == shape else want
        last = u.reshape(-1, *shape)[-1] if full[len(full) - len(shape) :] == shape else want
        want_close(got, want, what, [
            (u.reshape(-1, *shape).sum(0), "those sums mix numbers of different places, as a reshape does: sum over the axes "
             "that were repeated."),
            (want / copies, "that is the mean over the copies: they add up, without a division."),
            (flat, "that is the first copy alone: all copies have used the array."),
            (last, "that is the last copy alone: all copies have used the array."),
            (np.full(shape, float(copies)), "that counts the copies: add u over them."),
            (u.ravel()[: want.size].reshape(shape), "the first numbers of u were put into the shape: sum instead."),
        ], otherwise=f"{what}: the shape is right, the sums are not. Which axes were repeated? Lengths that are equal by "
           "chance do not tell.")  # fmt: skip


def soft(x):
    """Softmax of a list of numbers."""
    e = [math.exp(v - max(x)) for v in x]
    return np.array(e) / math.fsum(e)


@check.exercise(points=2)
def softmax_vjp(answer):
    rng = draw(142)
    cases = [(rng.normal(size=s), rng.normal(size=s)) for s in ((4,), (3, 5), (5, 3), (2, 3, 4), (3, 1))]
    big = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -999.5], [1000.0, -1000.0, -1000.0]])
    cases.append((rng.normal(size=(3, 3)), big))
    for u, x in cases:
        n, what = x.shape[-1], f"the gradient for x of shape {x.shape}"
        try:
            result = run(answer, u, x)
        except Mistake as mistake:
            if "broadcast" in str(mistake):
                raise Mistake(f"{mistake} Does every max and sum have axis=-1, keepdims=True?") from None
            raise
        if isinstance(result, np.ndarray) and result.dtype.kind == "f" and not np.isfinite(result).all():
            raise Mistake(
                "for x near 1000 the result is not finite: take the largest entry of each row off before exp."
                if x is big
                else f"{what} is not finite."
            )
        p = np.array([soft(row.tolist()) for row in x.reshape(-1, n)]).reshape(x.shape)
        rows = zip(p.reshape(-1, n), u.reshape(-1, n))
        want = np.array([(np.diag(a) - np.outer(a, a)).T @ b for a, b in rows]).reshape(x.shape)
        dot = (u * p).sum(-1, keepdims=True)
        want_close(result, want, what, [
            (u * p, "a term is missing: every output depends on every input of its row, through the sum below the line."),
            (u * p * (1 - p), "those are the diagonal slopes only: the other outputs of the row move, too."),
            (p * (1 - p), "u is forgotten, and the outputs beside the diagonal."),
            (np.zeros(x.shape), "it returns zeros: right for a u of ones only."),
            (p, "that is softmax itself: wanted its gradient, weighed by u."),
            (p * (u - u.sum(-1, keepdims=True)), "the sum of u needs the weights p: p (u - sum of u p)."),
            (p * (u - u.mean(-1, keepdims=True)), "the mean of u is not the sum of u p: weigh with p."),
            (p * (u - (u * p).sum()), "the sum runs over all rows: sum along the last axis, keepdims=True."),
            (p * (u - (u * p).mean(-1, keepdims=True)), "that divides by the length: the sum of u p, not the mean."),
            (p * (u - p), "p (u - p) lacks the sum: p (u - sum of u p), one sum for each row."),
            (u - p, "u - p takes values off a gradient: wanted p (u - sum of u p)."),
            (u - dot, "the factor p in front is missing."),
            (-want, "the sign is flipped: p (u - sum of u p)."),
            (u - p * u.sum(-1, keepdims=True), "that is the rule of log-softmax; wanted softmax."),
        ], otherwise=f"{what} is not p (u - sum of u p): is every sum along the last axis?")  # fmt: skip


@check.exercise(points=2)
def getitem_vjp(answer):
    rng = draw(143)
    mask = np.array([True, False, True, True, False])
    grid = np.array([[0, 1], [1, 1]])
    for index, shape in [
        (np.array([0, 0, 2]), (4,)),
        (np.array([2, 0, 2, 2, 1]), (4, 3)),
        (np.array([-1, 3, 1, -4]), (4, 3)),
        (grid, (3, 2)),
        ((np.array([0, 2, 0, 0]), np.array([1, 0, 1, 2])), (4, 3)),
        ((slice(None), np.array([1, 1, 0])), (4, 3)),
        (mask, (5, 2)),
        (2, (4, 3)),
        (slice(1, None, 2), (5, 2)),
        ((0, slice(None)), (4, 3)),
        ((np.array([True, False, True, False]), 1), (4, 3)),
        ((1, np.array([True, False, True])), (4, 3)),
    ]:
        places = np.arange(math.prod(shape)).reshape(shape)[index]
        u = rng.normal(size=places.shape)
        want = collected(u, places, shape)
        lost, first, sure = np.zeros(math.prod(shape)), np.zeros(math.prod(shape)), np.zeros(math.prod(shape))
        lost[places.ravel()] = u.ravel()
        first[places.ravel()[::-1]] = u.ravel()[::-1]
        times = np.bincount(places.ravel(), minlength=sure.size).reshape(shape)
        what = f"the gradient of x {shape} for the index {str(index).replace('array', '')}"
        given = run(answer, u, index, shape)
        want_close(given, want, what, [
            (lost.reshape(shape), "of an element taken several times only the last u is kept: all of them add. `+=` with an "
             "array of indices does not; np.add.at does."),
            (first.reshape(shape), "of an element taken several times only the first u is kept: all of them add."),
            (want / np.maximum(times, 1), "elements taken several times get the mean: they add up, without a division."),
            (times, "u is forgotten: that counts how often each element was taken."),
            (np.zeros(shape), "it is all zeros: is the array one of integers, which lose what follows the "
             "point, or does the index make a copy on the way?"),
            (np.sign(times) * 1.0, "u is forgotten: that marks the elements that were taken."),
            (-want, "the sign is flipped: y is x in other places, with slope 1."),
            (2 * want, "everything is there twice."),
        ], otherwise=f"{what} is not right: each u goes back to the element that it was taken from.")  # fmt: skip


@check.exercise(points=2)
def matmul_vjp(answer):
    rng = draw(144)
    for s, n, k, m in ((2, 3, 4, 5), (3, 2, 2, 4), (1, 4, 3, 2), (4, 1, 3, 3), (2, 3, 3, 3)):
        u, A, B = (rng.normal(size=shape) for shape in ((s, n, m), (s, n, k), (k, m)))
        dA, dB = np.zeros(A.shape), np.zeros(B.shape)
        for b, i, j, l in itertools.product(range(s), range(n), range(m), range(k)):
            dA[b, i, l] += u[b, i, j] * B[l, j]
            dB[l, j] += u[b, i, j] * A[b, i, l]
        got_A, got_B = two(run(answer, u, A, B), "the gradient of A and that of B")
        where = f"for A {A.shape}, B {B.shape}"
        ones = np.ones(u.shape)
        want_close(got_A, dA, f"the gradient of A {where}", [
            (ones @ B.T, "the gradient of A forgets u: it is right for a u of ones only."),
            (dA / s, "the gradient of A is divided by the size of the batch: each A_s is used once."),
            (np.broadcast_to(dA.sum(0), dA.shape), "the gradient of A is summed over the batch: each A_s has its own."),
            (np.broadcast_to(dA.mean(0), dA.shape), "u was averaged over the batch: each A_s has its own u_s."),
            (-dA, "the sign of the gradient of A is flipped."),
        ], otherwise=f"the gradient of A {where} is not u B^T.")  # fmt: skip
        each = [A[b].T @ u[b] for b in range(s)]
        want_close(got_B, dB, f"the gradient of B {where}", [
            (A.sum(0).T @ u.mean(0), "the bug is still there: A and u were brought together before the product, so the u of "
             "one matrix meets the A of another."),
            (A.sum(0).T @ u.sum(0), "summing both first mixes the matrices: the u of one meets the A of another."),
            (A.mean(0).T @ u.mean(0), "averaging both first mixes the matrices: the products come first."),
            (dB / s, "that is the mean over the batch: B is used by each matrix, and the shares add."),
            (each[0], "only the first matrix of the batch counts: B is used by all."),
            (each[-1], "only the last matrix of the batch counts: B is used by all."),
            (A.sum((0, 1))[:, None] * np.ones(m), "the gradient of B forgets u."),
            (-dB, "the sign of the gradient of B is flipped."),
        ], otherwise=f"the gradient of B {where} is not the sum of the products A_s^T u_s.")  # fmt: skip


@check.exercise(points=2)
def blind_spots(answer):
    got = numbers(run(answer), (3,), "the three counts")
    if np.any(got != np.round(got)):
        raise Mistake("whole numbers are wanted: counts of permutations.")
    if is_close(got, [24, 10, 10]):
        raise Mistake("those are the permutations that pass: count the ones that are caught.")
    want_close(got[0], 0, "the first count", [
        (14, "with a u of ones and equal lengths: is u really full of ones? Every move leaves it as it is."),
        (24, "the first count is too large: compare the two results, not their permutations."),
        (23, "the first count is too large: compare the two results, not their permutations."),
    ], otherwise=f"{got[0]:g} is not the first count: how does an array of ones look after a move of its axes?")  # fmt: skip
    want_close(got[1], 14, "the second count", [
        (10, "10 permutations undo themselves: count those that do not."),
        (23, "23 compares with u itself: compare with the right rule, u.transpose(np.argsort(p))."),
        (24, "24 would mean that the wrong rule is never right: try p = (0, 1, 2, 3)."),
        (0, "a random u sees more than that: is it random, and do you compare the numbers, not only the shapes?"),
        (6, "only cycles of four axes? Those of three do not undo themselves either."),
        (8, "only cycles of three axes? Those of four do not undo themselves either."),
    ], otherwise=f"{got[1]:g} is not the second count: go through all 24 permutations.")  # fmt: skip
    want_close(got[2], 14, "the third count", [
        (0, "an array of ones has a shape, too: with four different lengths a wrong shape gives the mistake away."),
        (23, "in the third case, too, compare with the right rule, not with u itself."),
        (10, "10 permutations undo themselves: count the others in the third case, too."),
    ], otherwise=f"{got[2]:g} is not the third count: compare the shapes of the two results.")  # fmt: skip


SPECS = ["ij,jk->ik", "ij,kj->ki", "bij,bjk->bik", "bij,jk->bik", "ij,ij->ij", "i,j->ij", "ij,j->i", "ij,ij->",
         "ijk,k->ji", "ij,j->", "ij,k->k", "ij,jkl->k", "i,i->i"]  # fmt: skip
LENGTHS = dict(b=2, i=3, j=4, k=5, l=2)


@check.exercise(points=3)
def einsum_vjp(answer):
    rng = draw(145)
    for spec in SPECS:
        operands, out = spec.split("->")
        a, b = operands.split(",")
        u, A, B = (rng.normal(size=[LENGTHS[c] for c in word]) for word in (out, a, b))
        lone = [sorted(set(word) - set(out) - set(other)) for word, other in ((a, b), (b, a))]
        try:
            result = run(answer, spec, u, A, B)
        except Mistake as mistake:
            if any(lone) and "never appeared in" in str(mistake):
                raise Mistake(
                    f"{spec}: the letter {(lone[0] + lone[1])[0]} stands in one operand alone, so u and the other one do not "
                    "have it: the gradient is repeated along it."
                ) from None
            raise
        got = two(result, "the gradient of A and that of B")
        want, plain = [], []
        for k, (x, y) in enumerate(((A, B), (B, A))):
            grad = np.empty(x.shape)
            for at in np.ndindex(x.shape):  # einsum is linear in x: its value at a unit array is the slope
                unit = np.zeros(x.shape)
                unit[at] = 1.0
                grad[at] = np.sum(u * np.einsum(spec, *((unit, y) if k == 0 else (y, unit))))
            want.append(grad)
            plain.append(grad / math.prod(LENGTHS[c] for c in lone[k]))
        if all(shape_of(g) == w.shape for g, w in zip(got[::-1], want)) and A.shape != B.shape:
            raise Mistake(f"{spec}: the two gradients are swapped: that of A first.")
        for k, name in enumerate("AB"):
            one = np.ones(u.shape)
            blind = np.empty(want[k].shape)
            for at in np.ndindex(blind.shape):
                unit = np.zeros(blind.shape)
                unit[at] = 1.0
                blind[at] = np.sum(one * np.einsum(spec, *((unit, B) if k == 0 else (A, unit))))
            want_close(got[k], want[k], f"{spec}, the gradient of {name}", [
                (want[1 - k] if want[0].shape == want[1].shape else want[k] + 1,
                 f"{spec}: the gradient of {name} is that of the other operand: the two are swapped."),
                (blind, f"{spec}: the gradient of {name} forgets u."),
                (plain[k], f"{spec}: the gradient of {name} is divided along the letter that stands alone: repeat it as it is."),
                (-want[k], f"{spec}: the sign of the gradient of {name} is flipped."),
                (2 * want[k], f"{spec}: the gradient of {name} is twice too large."),
                (np.zeros(want[k].shape), f"{spec}: the gradient of {name} is all zeros."),
            ], otherwise=f"{spec}: the gradient of {name} is not right: which sum of u and the other operand multiplies an "
               "entry of it?")  # fmt: skip
