"""What runs beside a learner's answer: it calls the answer, and says in plain JSON what came back.

A check (``gdcourse.checks``) knows what is right; a probe does not. When a class is graded, the probes run
in the sandbox with the answers, and the checks outside of it; at home both run in the learner's kernel.
A chapter's own probes, for answers that are handed functions or graphs, stand in ``gdcourse/probes/chNN.py``.
"""

import importlib
import json
import re
import traceback
from fractions import Fraction
from functools import partial
from numbers import Integral, Real
from pathlib import Path

import numpy as np

LARGEST = 1_000_000  # entries of an array that an answer may return
PLAIN = (type(None), bool, int, float, str)
HERE = str(Path(__file__).parent)


class Mistake(Exception):
    """A wrong answer; its text tells the learner what was wrong and what to try."""


class TooMuch(BaseException):
    """The answer looks at a graph too often; no ``except Exception`` of the answer can catch it."""


class Looks:
    """Counts how often an answer looks at a graph, whose nodes call ``look()``, and stops one without end.

    >>> looks = Looks()
    >>> looks.run("it never ends.", 1, 0, lambda: [looks.look() for _ in range(61)])
    Traceback (most recent call last):
    gdcourse.probes.Mistake: it never ends.
    """

    count = limit = 0

    def look(self):
        self.count += 1
        if self.count > self.limit > 0:
            raise TooMuch

    def run(self, why, nodes, edges, answer, *args):
        """``answer(*args)``, with at most 60 looks for each node and edge: Mistake(why) for more.

        A recursion that is too deep for a long path is a Mistake, too.
        """
        self.count, self.limit = 0, 60 * (nodes + edges)
        try:
            return ask(answer, *args)
        except TooMuch:
            raise Mistake(why) from None
        except RecursionError:
            if nodes <= 900:
                raise
            raise Mistake(
                f"RecursionError: a path of {nodes:,} nodes is too deep for a function that calls itself; "
                "keep the nodes still to be done in a list, and loop while it is not empty."
            ) from None
        finally:
            self.limit = 0


def ask(answer, *args, **kwargs):
    """What the answer returns; None is a Mistake."""
    result = answer(*args, **kwargs)
    if result is None:
        raise Mistake("it returned None: is a `return` missing?")
    return result


def heard(answer, f, *args):
    """What ``answer(f, *args)`` returns; a Mistake that ``f`` raises is raised, even if the answer catches it."""
    said = []

    def watched(*a, **k):
        try:
            return f(*a, **k)
        except Mistake as mistake:
            said.append(mistake)
            raise

    try:
        return ask(answer, watched, *args)
    finally:
        if said:
            raise said[0] from None


def counted(answer, f, *args):
    """(what ``answer(f, *args)`` returns, [the argument of each call of ``f``])."""
    calls = []

    def noted(t):
        calls.append(t)
        return f(t)

    return ask(answer, noted, *args), calls


class Opaque:
    """What stands outside for a value that is not data: its type's name, and how it prints."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def encode(value):
    """``value`` as JSON values: numbers, texts, None, arrays, lists, tuples, dictionaries, slices, fractions.

    Anything else that NumPy takes for numbers becomes an array, and what is left its type's name.
    Raises Mistake for more than LARGEST entries, and for lists within lists without end.
    """
    try:
        return _encode(value)
    except RecursionError:
        raise Mistake("it returned lists within lists without end.") from None


def _encode(value):
    kind = type(value)
    if kind is str and len(value) > LARGEST:
        raise Mistake(f"it returned a text of {len(value):,} characters: far more than asked for.")
    if kind in PLAIN:
        return value
    if isinstance(value, str):  # NumPy's, or a subclass
        return str(value)
    if isinstance(value, list) and len(value) <= LARGEST:
        return [_encode(part) for part in value]
    if isinstance(value, tuple) and len(value) <= LARGEST:
        return {"tuple": [_encode(part) for part in value]}
    if isinstance(value, dict) and len(value) <= LARGEST:
        return {"dict": [[_encode(key), _encode(part)] for key, part in value.items()]}
    if kind is slice:
        return {"slice": [_encode(part) for part in (value.start, value.stop, value.step)]}
    if kind is Fraction:
        return {"fraction": [value.numerator, value.denominator]}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return {"scalar": [value.dtype.str, value.item()]}
    if isinstance(value, Real) and not isinstance(value, np.generic):  # a subclass, a decimal
        return int(value) if isinstance(value, Integral) else float(value)
    return _encode_array(value)


def _encode_array(value):
    try:
        array = np.asarray(value)
    except Exception:
        array = np.asarray(None)
    if array.size > LARGEST:
        raise Mistake(f"it returned {array.size:,} numbers, shape {array.shape}: far more than asked for.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(float)
    if array.dtype.kind in "biufU":
        return {"array": [array.dtype.str, list(array.shape), array.ravel().tolist()]}
    if array.dtype.kind == "c":
        flat = array.astype(complex).ravel()
        return {"complex array": [list(array.shape), flat.real.tolist(), flat.imag.tolist()]}
    if array.dtype == object and array.shape:
        return {"objects": [list(array.shape), [_encode(part) for part in array.flat]]}
    try:
        text = repr(value)[:200]
    except Exception:
        text = f"<{type(value).__name__}>"
    return {"opaque": [type(value).__name__, text]}


def decode(data):
    """The value that ``encode`` made ``data`` of; Opaque, under its type's name, for what is no data.

    >>> decode(encode((1, 2.5, "x", [None, slice(2)])))
    (1, 2.5, 'x', [None, slice(None, 2, None)])
    """
    if isinstance(data, list):
        return [decode(part) for part in data]
    if not isinstance(data, dict):
        return data
    ((kind, given),) = data.items()
    return DECODERS[kind](given)


def _dict(given):
    out = {}
    for key, part in given:
        key = decode(key)
        try:
            out[key] = decode(part)
        except TypeError:  # the key was no data, and became an array
            out[repr(key)] = decode(part)
    return out


def _numbers_type(text):
    """The NumPy type of numbers with the name ``text``. ValueError for other types: an answer may have sent any."""
    if not re.fullmatch(r"[<>|][biuf]\d{1,2}", text):
        raise ValueError(f"{text!r} is no type of numbers")
    return np.dtype(text)


def _array(given):
    dtype, shape, flat = given
    if not dtype[1:].startswith("U"):
        return np.array(flat, dtype=_numbers_type(dtype)).reshape(shape)
    if (
        len(flat) * max(map(len, flat), default=0) > 10 * LARGEST
    ):  # NumPy gives each text the longest one's room
        raise ValueError("an array of texts that is too large")
    return np.array(flat, dtype=str).reshape(shape)


def _objects(given):
    shape, flat = given
    out = np.empty(len(flat), dtype=object)
    out[:] = [decode(part) for part in flat]
    return out.reshape(shape)


DECODERS = {
    "tuple": lambda given: tuple(decode(given)),
    "dict": _dict,
    "slice": lambda given: slice(*decode(given)),
    "fraction": lambda given: Fraction(*given),
    "complex": lambda given: complex(*given),
    "scalar": lambda given: _numbers_type(given[0]).type(given[1]),
    "array": _array,
    "complex array": lambda given: (np.array(given[1]) + 1j * np.array(given[2])).reshape(given[0]),
    "objects": _objects,
    "opaque": lambda given: type(str(given[0]), (Opaque,), {})(given[1]),
}


def attempt(answer, call):
    """What came of one call of ``answer``, as JSON values: a dictionary with one key.

    ``call`` is {"args", "kwargs", "probe"}, the first two encoded; the probe, where there is one, is the
    name of a function ``probe(answer, *args, **kwargs)`` of a ``gdcourse.probes.chNN``. The key is "value";
    "stub" for an answer that is not written yet; or "mistake", with a text.
    """
    if not callable(answer):
        return {"mistake": f"wanted a function, got {type(answer).__name__}: run the cell that defines it."}
    args, kwargs = decode(call["args"]), decode(call["kwargs"])
    before = [array.copy() for array in arrays((args, kwargs))]
    try:
        with np.errstate(all="ignore"):
            asked = partial(find(call["probe"]), answer) if call["probe"] else answer
            result = ask(asked, *args, **kwargs)
        after = list(arrays((args, kwargs)))
        if len(before) != len(after) or not all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(before, after)
        ):
            return {"mistake": "it changed its input in place: work on a copy."}
        return {"value": encode(result)}
    except Mistake as mistake:
        return {"mistake": str(mistake)}
    except Exception as error:
        if type(error) is NotImplementedError:
            return {"stub": True}
        return {"mistake": f"it raised {type(error).__name__}: {error}{where(error)}."}


def find(probe):
    """The function named ``probe``, such as "ch02.counted"."""
    module, name = probe.split(".")
    return getattr(importlib.import_module(f"gdcourse.probes.{module}"), name)


def arrays(value):
    """The arrays in nested lists, tuples and dictionaries."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from arrays(part)
    elif isinstance(value, dict):
        yield from arrays(list(value.values()))


def where(error):
    """The line of the learner's cell in which ``error`` came up, not that of a library or a probe."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(HERE)]
    mine = [frame for frame in frames if frame.filename == frames[0].filename]
    place = f" at line {mine[-1].lineno} (`{mine[-1].line}`)" if mine and mine[-1].line else ""
    return place + ("; print the shapes on both sides of @" if "matmul" in str(error) else "")


def show(answer, calls):
    """Print what comes of each call of ``answer``, one line of JSON each; ``calls`` is a list as JSON text."""
    for call in json.loads(calls):
        print("gdcourse", json.dumps(attempt(answer, call)), flush=True)
