"""What an instructor types wrongly gets one clear line, before anything runs."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gdcourse import student
from gdcourse.__main__ import main
from gdcourse.grading import command, sandbox
from gdcourse.grading import run as running
from tests.course import ROOT

NAME = "03_gradient_descent"
SOLUTION = ROOT / "exercises" / "solutions" / f"{NAME}.ipynb"


@pytest.fixture
def class_folder(tmp_path, monkeypatch):
    """A folder of submissions in the current folder; a sandbox is said to be there, and none is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sandbox, "choose", lambda: "bubblewrap")
    (tmp_path / "class").mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "words, says",
    [
        ("class --out grades", "needs the folder of submissions and --assignment"),
        (f"nowhere --assignment {NAME} --out grades", "no folder nowhere"),
        (f"file --assignment {NAME} --out grades", "no folder file"),
        (f"class --assignment {NAME} --out file", "--out file is a file"),
        (f"class --assignment {NAME} --out class", "--out lies in the folder of submissions"),
        (f"class --assignment {NAME} --out class/grades", "--out lies in the folder of submissions"),
        (f"class --assignment {NAME} --out grades --workers 0", "--workers and --seconds must be above 0"),
        (f"class --assignment {NAME} --out grades --seconds -5", "--workers and --seconds must be above 0"),
        (f"class --assignment {NAME} --out grades --seconds nan", "--workers and --seconds must be above 0"),
        ("class --assignment 03_gradient_decent --out grades", f"did you mean {NAME}? There are: 01_least_squares,"),
        (f"class --assignment exercises/{NAME}.ipynb --out grades", f"did you mean {NAME}?"),
        (f"class --assignment {NAME} --out grades --solutions class", "There are: none in class"),
        (f"class --assignment {NAME} --out grades --dask tcp://127.0.0.1:9", "no dask scheduler at tcp://127.0.0.1:9"),
        (f"class --assignment {NAME} --out grades --dask nobody", "no dask scheduler at nobody"),
        (f"class --assignment {NAME} --out grades", "no notebooks and no zip archives in class"),
        ("--resume --out grades", "no run to go on with in grades"),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong_and_nothing_is_written(class_folder, capsys, monkeypatch, words, says):
    if "--dask" in words:
        distributed = pytest.importorskip("distributed")
        client = distributed.Client
        monkeypatch.setattr(distributed, "Client", lambda address, timeout: client(address, timeout=0.2))
    assert main(["grade", *words.split()]) == 2
    said = capsys.readouterr().err
    assert said.startswith("gdcourse grade: ") and said.count("\n") == 1 and says in said
    assert not (class_folder / "grades").exists()


def points_for_what_is_there(notebooks, limits, kind):
    """In the place of the sandbox: each answer that raises nothing gets its points."""
    out = {}
    for key, book in notebooks.items():
        given = {cell["id"]: cell["source"] for cell in book["cells"]}
        rows = {}
        for facts in (cell["metadata"].get("gdcourse") for cell in book["cells"]):
            if facts:
                done = "raise NotImplementedError" not in given[facts["exercise"]]
                row = {"mark": "✓" if done else "○", "text": "", "of": facts["points"], "seconds": 0.1}
                rows[facts["exercise"]] = row | {"points": done * facts["points"]}
        points = sum(row["points"] for row in rows.values())
        about = {"verdict": "graded", "reason": "", "seconds": 0.1, "notes": []}
        out[key] = about | {"exercises": rows, "points": points, "of": 16}
    return out


@pytest.fixture
def graded(class_folder, monkeypatch):
    """grade(*options) of a class of five; it returns the batches that were run, (how many, the sandbox)."""
    batches = []

    def validate(notebooks, limits, kind):
        batches.append((len(notebooks), kind))
        return points_for_what_is_there(notebooks, limits, kind)

    def grade(*options):
        batches.clear()
        return main(["grade", *options, "--out", "grades"]) or list(batches)

    monkeypatch.setattr(running, "validate", validate)
    for k in range(5):
        book = student.learner_version(student.read_notebook(SOLUTION))
        student.write_notebook(class_folder / "class" / f"learner{k}.ipynb", book)
    return grade


def test_a_small_class_is_shared_by_all_workers(graded):
    assert graded("class", "--assignment", NAME, "--workers", "2") == [(2, "bubblewrap")] + [
        (3, "bubblewrap"),
        (2, "bubblewrap"),
    ]


def test_what_ran_without_a_sandbox_is_run_again_in_one(graded):
    graded("class", "--assignment", NAME, "--no-sandbox")
    assert graded("class", "--assignment", NAME, "--workers", "1")[1:] == [(5, "bubblewrap")]
    assert graded("class", "--assignment", NAME)[1:] == []


def test_another_folder_does_not_take_the_place_of_the_class(graded, class_folder, capsys):
    graded("class", "--assignment", NAME)
    (class_folder / "late").mkdir()
    shutil.copy(class_folder / "class" / "learner0.ipynb", class_folder / "late")
    assert graded("late", "--assignment", NAME) == 2
    assert f"for the submissions in {class_folder / 'class'}: name another folder" in capsys.readouterr().err


def test_resume_keeps_the_solutions(graded, class_folder):
    (class_folder / "mine").mkdir()
    shutil.copy(SOLUTION, class_folder / "mine" / "03_mine.ipynb")
    graded("class", "--assignment", "03_mine", "--solutions", "mine")
    assert graded("--resume")[1:] == []


def test_the_tables_name_each_learners_page(graded, class_folder):
    graded("class", "--assignment", NAME)
    with open(class_folder / "grades" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and all((class_folder / "grades" / row["page"]).is_file() for row in rows)


def test_the_commands_of_the_guide_are_there():
    pytest.importorskip("distributed")
    text = (ROOT / "book" / "grading.md").read_text(encoding="utf8")
    words = set(re.findall(r"[`/]dask (\w+)", text))
    assert words == {"ssh", "scheduler", "worker"}
    for word in words:
        subprocess.run(
            [Path(sys.executable).with_name("dask"), word, "--help"], check=True, capture_output=True
        )


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("status", [0, 1])
def test_the_workflow_is_red_where_an_answer_is_wrong(tmp_path, status):
    steps = yaml.safe_load((ROOT / "book" / "files" / "classroom.yml").read_text())["jobs"]["check"]["steps"]
    (tmp_path / "03_x.ipynb").write_text("")
    (tmp_path / "python").write_text(f"#!/bin/sh\necho checked\nexit {status}\n")
    (tmp_path / "python").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[-1]["run"]]
    assert steps[-1]["shell"] == "bash"  # GitHub runs it with these words then
    assert subprocess.run(words, cwd=tmp_path, env=env).returncode == status
    assert "checked" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize("option", ["other --assignment X", "--assignment X", "--term y"])
def test_resume_refuses_to_be_another_run(class_folder, capsys, option):
    (class_folder / "grades").mkdir()
    about = {"submissions": str(class_folder / "class"), "assignment": NAME, "term": "t"}
    (class_folder / "grades" / "run.json").write_text(json.dumps(about))
    assert main(["grade", *option.split(), "--resume", "--out", "grades"]) == 2
    assert "grades holds a run with other" in capsys.readouterr().err


def test_ctrl_c_says_what_is_saved_and_how_to_go_on(class_folder, capsys, monkeypatch):
    def interrupted(*args):
        (class_folder / "grades" / "results").mkdir(parents=True)
        (class_folder / "grades" / "results" / "ada.json").write_text("{}")
        raise KeyboardInterrupt

    def ended(status):
        raise SystemExit(status)

    monkeypatch.setattr(command, "grade", interrupted)
    monkeypatch.setattr(command.os, "_exit", ended)
    with pytest.raises(SystemExit, match="130"):
        main(["grade", "class", "--assignment", NAME, "--out", "grades"])
    assert "1 results are saved; type the same command again to go on" in capsys.readouterr().err
