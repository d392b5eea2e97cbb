"""The benchmark runs, and its contenders compute the same."""

import csv
import subprocess
import sys

from tests.course import ROOT


def test_the_benchmark_runs_and_writes_its_table_and_figure(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "bench.py"), "--quick", "--out", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with open(tmp_path / "bench.csv", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    assert {"MLP", "character GPT", "CNN 28x28", "scalar MLP", "one node"} <= {
        row["benchmark"] for row in rows
    }
    for row in rows:
        assert float(row["median"]) > 0 and row["goal"] == ""  # small sizes say nothing about the goals
        assert row["contender"] in printed
    ours = [row for row in rows if row["contender"] == "gdcourse" and row["benchmark"] == "MLP"]
    assert [row["threads"] for row in ours] == ["1", "2"] and all(float(row["ratio"]) > 0 for row in ours)
    assert (tmp_path / "_static" / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "numpy" in (tmp_path / "bench.txt").read_text(encoding="utf8")
