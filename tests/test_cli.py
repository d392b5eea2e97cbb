"""The command line: what it prints, and one clear line for bad input."""

import json
import re
import subprocess
import sys

import pytest

from gdcourse.__main__ import main
from tests.course import ROOT


def test_doctor_reports_as_json(capsys):
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert re.match(r"3\.\d+", facts["python"])
    assert facts["packages"]["numpy"]
    assert all(set(m) == {"what", "why", "install"} for m in facts["missing"])


def test_doctor_says_what_is_missing_and_the_command_that_installs_it(capsys, monkeypatch):
    from gdcourse import doctor

    monkeypatch.setattr(doctor, "version", lambda name: None if name == "torch" else "1")
    assert main(["doctor"]) == 0
    assert 'python -m pip install -c constraints.txt -e ".[torch]"' in capsys.readouterr().out


def test_doctor_lists_the_data_and_packages_of_the_chapter_on_fine_tuning(capsys, monkeypatch, tmp_path):
    from gdcourse import doctor

    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path))
    monkeypatch.setattr(doctor, "version", lambda name: None)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    finetune = 'python -m pip install -c constraints.txt -e ".[finetune]"'
    for name, command in [
        ("minilm", "python -m gdcourse data install minilm"),
        ("reviews-zh", "python -m gdcourse data install reviews-zh"),
        *((package, finetune) for package in ("transformers", "safetensors", "scikit-learn")),
    ]:
        assert f'  {name} ("Fine-tune an encoder"): {command}' in lines
    assert any(line.startswith("  ipykernel (") for line in lines)


def test_doctor_runs_where_numpy_is_not_installed():
    code = "import sys; sys.modules['numpy'] = None; sys.modules['matplotlib'] = None; sys.modules['torch'] = None\n"
    code += "from gdcourse import doctor; doctor.version = lambda name: None\n"
    code += "from gdcourse.__main__ import main; sys.exit(main(['doctor']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "numpy" in done.stdout


def test_data_describes_a_set_with_its_source_and_licence(capsys):
    assert main(["data", "longley"]) == 0
    printed = capsys.readouterr().out
    assert "Source:" in printed and "Licence:" in printed and "(16, 6)" in printed


def test_sources_counts_the_rows(capsys):
    assert main(["sources"]) == 0
    assert re.fullmatch(
        r"covered: \d+ of 293\nerrata shown wrong and right: \d+ of 154\n", capsys.readouterr().out
    )


def test_check_prints_each_verdict_and_the_points(capsys):
    assert main(["check", str(ROOT / "exercises" / "01_least_squares.ipynb")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("○ ")
    assert re.fullmatch(r"0 of \d+ points", printed[-1])


@pytest.fixture
def bad(tmp_path):
    (tmp_path / "01_text.ipynb").write_text("this is not JSON")
    (tmp_path / "99_other.ipynb").write_text('{"cells": []}')
    return tmp_path


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["check", "99_other.ipynb"], "unknown chapter"),
        (["check", "01_none.ipynb"], "no notebook at"),
        (["check", "01_text.ipynb"], "is not a notebook"),
        (
            ["check", str(ROOT / "notebooks" / "01_least_squares.ipynb")],
            "has no exercises; did you mean exercises/01",
        ),
        (["check", "1"], "no notebook at 1; did you mean exercises/01_least_squares.ipynb?"),
        (["check", "22"], "no notebook at 22; did you mean exercises/22_finetuning.ipynb?"),
        (["check", "77"], "no notebook at 77\n"),
        (["check", str(ROOT / "README.md")], "README.md is not a notebook\n"),
        (["check", str(ROOT / "exercises")], "is a folder; name one notebook"),
        (["data", "longly"], "no data set 'longly'; there are: line_one"),
        (["student", "nowhere"], "no solution notebooks in"),
    ],
)
def test_bad_input_gives_one_clear_line_and_status_2(arguments, says, bad, capsys, monkeypatch):
    monkeypatch.chdir(bad)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err
    assert printed.err.count("\n") == 1
