"""The ladders that were measured on a GPU: what the script runs is what the table and the chapter show."""

import csv

import pytest
import torch

from tests import ladder


@pytest.fixture
def names():
    return ladder.chapter()


def test_the_table_has_a_row_for_each_rung(names):
    lines = ladder.TABLE.read_text(encoding="utf8").splitlines()
    assert lines[0].startswith("# python tests/ladder.py: torch ")
    rows = [(row["model"], row["rung"]) for row in csv.DictReader(lines[1:])]
    small = [("small", name) for name in names["LADDER"]]
    assert rows == small + [("plan", rung) for rung, _ in ladder.changes(names)]


def test_a_rung_that_does_not_fit_leaves_its_row_empty(names, monkeypatch):
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 7e6)
    rung = names["rung"]

    def crowded(device, pieces=1, compiled=False, **options):
        if pieces == 1 and options["attend"] is names["by_hand"]:
            raise torch.OutOfMemoryError
        return rung(device, pieces=pieces, **options)

    names |= {"rung": crowded, "here": torch.device("cpu")}
    tiny = {"T": 8, "d": 16, "blocks": 2, "heads": 2, "V": 11}
    rows = list(ladder.plan(names, tiny, repeat=1))
    assert rows[0] == ("plan", "8 texts at once", None, None)
    assert all(seconds > 0 and mb == 7 for _, _, seconds, mb in rows[1:])


def test_the_rungs_change_one_thing_each(names):
    options = [options for _, options in ladder.changes(names)]
    for before, after in zip(options, options[1:]):
        assert sum(after[key] != before.get(key) for key in after) == 1
