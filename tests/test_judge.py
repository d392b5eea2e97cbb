"""A check judges what an answer gave elsewhere as it judges the answer at home, in each term."""

import json

import pytest

from gdcourse.checks.core import Checker, run, want_close
from gdcourse.grading.judge import GraderFault, judge, write_calls
from gdcourse.probes import attempt, encode
from tests.test_exercises import BANKS, CHECKERS, every_exercise

TERMS = ["2026-autumn", "2027-spring"]


def told(check, name, right, answer, term):
    """The verdict on ``answer`` by way of JSON: calls written with a right answer, outcomes, judgement."""
    calls = write_calls(check, name, right, term)[0]
    outcomes = json.loads(json.dumps([attempt(answer, call) for call in calls]))
    return judge(check, name, calls, outcomes, term)


@every_exercise
@pytest.mark.parametrize("term", TERMS)
def test_a_right_answer_told_from_elsewhere_passes(stem, exercise, term):
    check, right = CHECKERS[stem], BANKS[stem].RIGHT[exercise]
    for answer in right:
        assert told(check, exercise, right[0], answer, term)[0] == "✓"


@every_exercise
def test_a_mistake_told_from_elsewhere_gets_its_own_message(stem, exercise):
    check, right = CHECKERS[stem], BANKS[stem].RIGHT[exercise]
    for answer, fragment in BANKS[stem].WRONG[exercise]:
        mark, text, earned = told(check, exercise, right[0], answer, TERMS[0])
        assert (mark, earned) == ("✗", 0) and fragment in text


@every_exercise
def test_each_term_asks_other_questions(stem, exercise):
    check, right = CHECKERS[stem], BANKS[stem].RIGHT[exercise][0]
    calls, others = (write_calls(check, exercise, right, term)[0] for term in TERMS)
    has_inputs = any(call["args"] != encode(()) for call in calls)
    assert (calls != others) == has_inputs


ODD = [0, -1.5, [], {}, "text", {"tuple": []}, {"tuple": [1, 2, 3]}, {"array": ["<f8", [0], []]}, {"dict": []},
       {"opaque": ["object", "<object>"]}, [[1], [2, 3]], {"array": ["<f8", [2, 2], [float("nan")] * 4]}]  # fmt: skip


@every_exercise
def test_an_odd_value_never_makes_the_check_ask_anything_else(stem, exercise):
    check = CHECKERS[stem]
    calls, outcomes = write_calls(check, exercise, BANKS[stem].RIGHT[exercise][0], TERMS[0])
    for odd in ODD:
        for k in {0, len(calls) // 2, len(calls) - 1}:
            given = [*outcomes[:k], *[{"value": odd}] * (len(calls) - k)]
            try:
                assert judge(check, exercise, calls, given, TERMS[0])[0] != "✓"
            except GraderFault:
                raise
            except Exception:
                pass  # the grader calls it a mistake of the learner


@pytest.fixture
def check():
    check = Checker()

    @check.exercise(points=2)
    def double(answer):
        for x in (1.5, 2.0):
            want_close(run(answer, x), 2 * x, "double")

    return check


def test_other_calls_than_were_written_down_are_the_graders_fault(check):
    calls, _ = write_calls(check, "double", lambda x: 2 * x, "")
    with pytest.raises(GraderFault, match="other questions"):
        judge(check, "double", calls[1:], [{"value": 3.0}], "")


def test_a_solution_that_fails_its_check_is_the_graders_fault(check):
    with pytest.raises(GraderFault, match="fails its own check: double: got 1.5, wanted 3"):
        write_calls(check, "double", lambda x: x, "")


def test_missing_outcomes_are_a_mistake(check):
    calls, _ = write_calls(check, "double", lambda x: 2 * x, "")
    assert judge(check, "double", calls, [{"value": 3.0}], "")[:2] == (
        "✗",
        "its check printed no more values: does the answer end Python?",
    )
