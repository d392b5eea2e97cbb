"""A check runs outside the sandbox, on what the answer gave inside: first the calls are written down, then judged."""

import json

from gdcourse.checks.core import Told, term
from gdcourse.probes import attempt


class GraderFault(Exception):
    """The grading went wrong, not the answer."""


class Writer(Told):
    """Passes each call on to ``answer``, and writes it down."""

    def __init__(self, answer):
        self.answer, self.calls, self.outcomes = answer, [], []

    def outcome(self, call):
        self.calls.append(json.loads(json.dumps(call)))
        self.outcomes.append(attempt(self.answer, call))
        return self.outcomes[-1]


class Reader(Told):
    """Answers call k with outcome k."""

    def __init__(self, calls, outcomes):
        self.pairs, self.outcomes = iter(calls), iter(outcomes)

    def outcome(self, call):
        if next(self.pairs, None) != json.loads(json.dumps(call)):
            raise GraderFault("the check asks other questions than were written down")
        return next(
            self.outcomes, {"mistake": "its check printed no more values: does the answer end Python?"}
        )


def write_calls(check, name, answer, of_term):
    """(calls, outcomes) of the check ``name`` in the term ``of_term``, as JSON values; ``answer`` must be right.

    Raises GraderFault with the check's message when it is not.
    """
    writer = Writer(answer)
    with term(of_term):
        mark, text, _ = check.verdict(name, writer)
    if mark != "✓":
        raise GraderFault(f"the solution of {name} fails its own check: {text}")
    return writer.calls, writer.outcomes


def judge(check, name, calls, outcomes, of_term):
    """(mark, text, points) of an answer whose ``outcomes`` are those of ``calls``, in their order.

    Raises GraderFault when the check does not ask for these calls.
    """
    with term(of_term):
        return check.verdict(name, Reader(calls, outcomes))
