"""How a check runs a learner's function, and says in one line what is wrong with the answer."""

from contextlib import contextmanager
from numbers import Real

import numpy as np

from gdcourse.probes import Mistake, attempt, decode, encode


class NotDone(Exception):
    """The answer is still the stub."""


class Checker:
    """The checks of one chapter. ``@check.exercise(points=2)`` adds one under its function's name.

    ``check("fit_line", fit_line)`` prints one line (right, wrong and why, or not done yet) and
    returns the points earned.

    >>> check = Checker()
    >>> @check.exercise(points=2)
    ... def double(answer):
    ...     want_close(run(answer, 3), 6, "double of 3")
    >>> check("double", lambda x: 2 * x)
    ✓ double: right, 2 of 2 points.
    2
    >>> check("double", lambda x: x * x)
    ✗ double: double of 3: got 9, wanted 6.
    0
    """

    def __init__(self):
        self.exercises = {}

    def exercise(self, points):
        def add(function):
            self.exercises[function.__name__] = (points, function)
            return function

        return add

    def __call__(self, name, answer):
        mark, text, earned = self.verdict(name, answer)
        print(f"{mark} {name}: {' '.join(text.split())}")  # one line, whatever the answer returned
        return earned

    def verdict(self, name, answer):
        """(mark, text, points earned) with mark one of ✓ ✗ ○. Raises ValueError for an unknown name."""
        if name not in self.exercises:
            raise ValueError(f"no exercise {name!r}; there are: {', '.join(self.exercises)}")
        points, function = self.exercises[name]
        try:
            function(answer)
        except NotDone:
            return "○", "not done yet.", 0
        except Mistake as mistake:
            return "✗", str(mistake), 0
        return "✓", f"right, {points} of {points} point{'s' * (points != 1)}.", points


def run(answer, *args, probe=None, **kwargs):
    """What the learner's function returns for copies of the arguments; what goes wrong is a Mistake.

    All that the answer gets and returns is data, for which see :func:`gdcourse.probes.encode`; ``probe`` is
    a function of ``gdcourse.probes.chNN`` that calls the answer and makes data of what it does, for an
    answer that is handed functions or graphs. Raises NotDone for the stub, Mistake when the answer is not
    callable, raises, returns None, or changes its arguments in place.
    """
    name = f"{probe.__module__.rsplit('.')[-1]}.{probe.__name__}" if probe else None
    call = {"args": encode(args), "kwargs": encode(kwargs), "probe": name}
    outcome = answer.outcome(call) if isinstance(answer, Told) else attempt(answer, call)
    if "stub" in outcome:
        raise NotDone
    if "mistake" in outcome:
        raise Mistake(outcome["mistake"])
    return decode(outcome["value"])


class Told:
    """Stands for an answer that was called elsewhere: ``outcome`` tells what came of a call."""

    def outcome(self, call):
        raise NotImplementedError


def draw(seed):
    """The generator from which a check draws its inputs; within ``term(...)``, other ones than at home."""
    return np.random.default_rng(seed if not TERMS else [seed, *TERMS[-1].encode()])


TERMS = []


@contextmanager
def term(name):
    """Within it, all checks draw the inputs of the term ``name``."""
    TERMS.append(name)
    try:
        yield
    finally:
        TERMS.pop()


def parts(result, names):
    """The returned tuple, list or array, a part for each name; Mistake when it is not one."""
    if isinstance(result, np.ndarray) and result.ndim > 0:
        result = list(result)
    if not isinstance(result, (tuple, list)) or len(result) != len(names):
        got = f"length {len(result)}" if isinstance(result, (tuple, list)) else type(result).__name__
        raise Mistake(f"wanted a tuple of length {len(names)} that holds {', '.join(names)}; got {got}.")
    return result


def numbers(result, shape, what):
    """``result`` as a float array of ``shape``; raises Mistake when it is not one, or not finite."""
    try:
        array = np.asarray(result)
        if array.dtype == object and all(isinstance(v, Real) for v in array.flat):
            array = array.astype(float)  # fractions
        array = array.astype(float, casting="same_kind")  # refuses text and complex numbers
    except Exception:
        raise Mistake(f"{what}: wanted numbers of shape {shape}, got {result!r}.") from None
    if array.shape != shape:
        note = " Shape () is that of a single number." if () in (shape, array.shape) else ""
        raise Mistake(f"{what}: wanted shape {shape}, got {array.shape}.{note}")
    if not np.isfinite(array).all():
        raise Mistake(f"{what}: got {short(array)}, which is not finite.")
    return array


def is_close(got, want, rtol=1e-6, atol=1e-9):
    """True when every number of ``got`` is within rtol * |want| + atol of ``want``."""
    return bool(np.all(np.abs(np.asarray(got) - want) <= rtol * np.abs(want) + atol))


def want_close(result, want, what, mistakes=(), rtol=1e-6, atol=1e-9, otherwise=None):
    """Raise a Mistake unless ``result`` is ``want``, naming the first of ``mistakes`` that it equals.

    ``mistakes`` holds (wrong value, message) pairs, the most telling first. Any other result gets
    the text ``otherwise``; without one the message shows ``want``, which gives away an answer that
    is to be found by hand.
    """
    want = np.asarray(want, dtype=float)
    got = numbers(result, want.shape, what)
    if is_close(got, want, rtol, atol):
        return
    for wrong, message in mistakes:
        if np.shape(wrong) == want.shape and is_close(got, wrong, rtol, atol):
            raise Mistake(message)
    raise Mistake(otherwise or f"{what}: got {short(got)}, wanted {short(want)}.")


def short(array):
    """Numbers as short text, six digits each."""
    array = np.asarray(array)
    if array.ndim == 0:
        return f"{array:.6g}"
    return np.array2string(array, precision=6, separator=", ", threshold=8)


def measured(f, x, h=6e-6):
    """Gradient of the scalar f at the array x by central differences, in the shape of x.

    >>> measured(lambda x: np.sum(x * x), [1.0, 3.0]).round(6)
    array([2., 6.])
    """
    x, out = np.array(x, dtype=float), np.empty(np.shape(x))
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        out[i] = (f(x + step) - f(x - step)) / (2 * h)
    return out
