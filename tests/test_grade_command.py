"""What an instructor types wrongly gets one clear line, before anything runs."""

import json

import pytest

from gdcourse.__main__ import main
from gdcourse.grading import command, sandbox

NAME = "03_gradient_descent"


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
    assert (
        "1 results are saved; to go on: python -m gdcourse grade --resume --out grades"
        in capsys.readouterr().err
    )
