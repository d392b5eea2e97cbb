"""A class of right, wrong, odd, broken and hostile submissions, graded with the command an instructor types."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gdcourse.grading import sandbox
from gdcourse.grading.assignment import prepare
from gdcourse.grading.report import safe_name
from gdcourse.probes import arrays, decode
from tests import submissions
from tests.course import ROOT
from tests.processes import processes, wait
from tests.submissions import NAME, ROWS, SECRET

pytest.importorskip("nbval", reason='needs: python -m pip install -c constraints.txt -e ".[test]"')
pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap: apt install bubblewrap")

TERM, SECONDS = "test-term", 5  # for a cell; the honest ones need far less
FEW = [k for k, row in enumerate(ROWS) if row.family in ("right", "wrong", "broken file")][5:70:2]


def command(*options):
    return [sys.executable, "-m", "gdcourse", "grade", *map(str, options)]


def asking(folder, *options):
    """The command for the submissions in ``folder``."""
    where = [folder / "submissions", "--assignment", NAME, "--out", folder / "grades", "--term", TERM]
    return command(*where, "--seconds", SECONDS, "--workers", 2, *options)


def environment(folder):
    """What the grader runs in: temporary files below ``folder``, and a secret."""
    (folder / "tmp").mkdir(exist_ok=True)
    return os.environ | {"GDCOURSE_CANARY": SECRET, "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}


def run(folder, words):
    return subprocess.run(
        words, cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=3000
    )


def results(folder):
    """{row: what is kept of its submission} in ``folder``/grades."""
    found = {}
    for path in folder.glob("grades/results/*.json"):
        kept = json.loads(path.read_text(encoding="utf8"))
        number = int(re.match(r"\d+", kept["file"])[0])
        assert number not in found, f"two submissions for row {number}"
        found[number] = kept
    return found


def grades(folder):
    """{row: (verdict, points, {exercise: points})}: what a repetition must give again."""
    found = {}
    for k, kept in results(folder).items():
        result = kept["result"]
        each = {name: part["points"] for name, part in result["exercises"].items()}
        found[k] = result["verdict"], result["points"], each
    return found


@pytest.fixture(scope="module", autouse=True)
def walls():
    if reason := sandbox.probe("bubblewrap"):
        pytest.skip(f"needs a bubblewrap that works here; {reason}")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of the whole class, graded once; said.txt tells how the command ended."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "canary.txt").write_text("alive")
    submissions.write(folder / "submissions")
    begin = time.monotonic()
    done = run(folder, asking(folder))
    print(f"{len(ROWS)} submissions in {time.monotonic() - begin:.0f} s")
    assert (folder / "grades" / "index.html").exists(), done.stdout[-2000:] + done.stderr[-4000:]
    (folder / "said.txt").write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")
    return folder


@pytest.fixture(scope="module")
def got(graded):
    """{row: what is kept of its submission}, as the first run left it."""
    return results(graded)


@pytest.fixture(scope="module")
def pages(graded):
    return {path: path.read_text(encoding="utf8") for path in graded.glob("grades/**/*.html")}


@pytest.fixture
def few(tmp_path):
    """Some of the class, in a folder of its own."""
    submissions.write(tmp_path / "submissions", FEW)
    return tmp_path


@pytest.mark.parametrize("k", range(len(ROWS)), ids=[f"{row.family}: {row.name}" for row in ROWS])
def test_each_submission_gets_what_it_should(got, k):
    expected, result = ROWS[k], got[k]["result"]
    texts = {name: part["text"] for name, part in result["exercises"].items()}
    earned = {name: part["points"] for name, part in result["exercises"].items() if part["points"]}
    assert (result["verdict"], earned) == (expected.verdict, expected.points), (result["reason"], texts)
    assert bool(result["reason"]) == (result["verdict"] != "graded")
    assert not any("not in a sandbox" in text for text in texts.values())
    for name, words in expected.says.items():
        assert words in texts[name]


def test_the_command_ends_well_and_counts_the_verdicts(graded):
    status, *said = (graded / "said.txt").read_text().splitlines()
    counts = Counter(row.verdict for row in ROWS)
    assert status == "0", said
    assert ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts)) in said


def test_the_points_are_the_sum_of_the_exercises(got):
    for kept in got.values():
        rows = kept["result"]["exercises"].values()
        assert kept["result"]["points"] == sum(row["points"] for row in rows)
        assert kept["result"]["of"] == sum(row["of"] for row in rows) == sum(submissions.WORTH.values())


def test_the_table_of_attacks_is_that_of_the_instructors_page(graded, tmp_path, capsys):
    got = {k: (verdict, points) for k, (verdict, points, _) in grades(graded).items()}
    with capsys.disabled():
        print("\n" + (text := submissions.table(got)))
    for line in text.splitlines()[2:]:
        *_, expected, got, _ = line.split(" | ") + [""]
        assert expected == got.removesuffix(" |")
    (tmp_path / "attacks.txt").write_text(text + "\n", encoding="utf8")
    stored = (ROOT / "book" / "attacks.txt").read_text(encoding="utf8")
    assert stored == text + "\n", f"look at it, and copy {tmp_path}/attacks.txt to book"


def test_every_submission_has_one_line_in_the_grade_file(graded, got):
    with open(graded / "grades" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert sorted(int(line["file"][:3]) for line in lines) == list(range(len(ROWS)))
    for line in lines:
        assert float(line["points"]) == got[int(line["file"][:3])]["result"]["points"]
        assert not any(value.startswith(tuple("=+-@")) for value in line.values())


def test_learners_of_moodle_and_canvas_are_in_their_tables(graded):
    moodle, canvas = (
        (graded / "grades" / name).read_text(encoding="utf-8-sig") for name in ("moodle.csv", "canvas.csv")
    )
    assert "Participant 123456" in moodle and "hoppergrace" not in moodle
    assert "hoppergrace" in canvas and "Lovelace" not in canvas


def test_nothing_is_left_running_or_lying_about(graded):
    wait(lambda: not processes(str(graded), "471147"), 20)
    assert not list((graded / "tmp").glob("gdcourse-*"))


def test_the_host_is_unharmed(graded):
    assert (graded / "canary.txt").read_text() == "alive"
    assert {path.name for path in graded.iterdir()} == {
        "canary.txt",
        "said.txt",
        "submissions",
        "grades",
        "tmp",
    }
    assert not {"owned", "conftest.py", "sitecustomize.py"} & {path.name for path in graded.rglob("*")}
    for path in ("/tmp/owned", "/owned", "/tmp/gdcourse-owned.ipynb", ROOT / "owned"):
        assert not Path(path).exists()


class Markup(HTMLParser):
    """Collects what in a page could act: tags that load or run something, and attributes that do."""

    def __init__(self, text):
        super().__init__()
        self.live, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "iframe", "object", "embed", "img", "link", "base", "form", "video", "audio"):
            self.live.append(tag)
        for name, value in attrs:
            if name.startswith("on") or re.match(r"\s*(javascript|data|vbscript):", value or "", re.I):
                self.live.append(f"{tag} {name}={value}")
            if name == "href":
                self.links.append(value)


def test_no_page_holds_anything_live(pages):
    assert {path.name: found for path, text in pages.items() if (found := Markup(text).live)} == {}


def test_no_page_steers_a_terminal_or_turns_the_text_around(pages):
    assert not [
        path.name
        for path, text in pages.items()
        if re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    ]


def test_the_pages_of_learners_hold_no_hidden_input(got, pages):
    assignment = prepare(ROOT / "exercises" / "solutions" / f"{NAME}.ipynb", TERM)
    checks = [
        cell["metadata"]["gdcourse"]
        for cell in assignment.notebook["cells"]
        if "gdcourse" in cell["metadata"]
    ]
    calls = [call for check in checks for call in check["calls"]]
    hidden = {f"{abs(x):.6f}"[:7] for call in calls for a in arrays(decode(call["args"])) for x in a.flat}
    assert len(hidden) > 100
    honest = [k for k, row in enumerate(ROWS) if row.family in ("right", "wrong", "odd packaging")]
    for k in honest:
        learner = got[k]["learner"]
        (text,) = [text for path, text in pages.items() if path.stem == safe_name(learner)]
        assert not [number for number in hidden if number in text]


def test_no_file_holds_the_graders_secrets(graded):
    first = Path("/etc/shadow").read_text().splitlines()[0] if os.access("/etc/shadow", os.R_OK) else SECRET
    for path in graded.glob("grades/**/*.*"):
        text = path.read_text(encoding="utf8")
        assert SECRET not in text and first not in text


def test_the_class_page_links_to_every_feedback_page(graded, pages):
    index = graded / "grades" / "index.html"
    links = {link for link in Markup(pages[index]).links if link.startswith("feedback/")}
    assert links == {f"feedback/{path.name}" for path in graded.glob("grades/feedback/*.html")}
    assert len(links) == len(ROWS)


def test_a_second_run_does_nothing_new(graded):
    stamps = lambda: {path: path.stat().st_mtime_ns for path in graded.glob("grades/results/*.json")}
    before, table = stamps(), (graded / "grades" / "grades.csv").read_bytes()
    done = run(graded, asking(graded))
    assert done.returncode == 0, done.stderr[-2000:]
    assert stamps() == before
    assert (graded / "grades" / "grades.csv").read_bytes() == table


def same(graded, few):
    """True when ``few`` has the grades that the same submissions got in ``graded``."""
    whole = grades(graded)
    return grades(few) == {k: whole[k] for k in FEW}


def unread():
    return sum(ROWS[k].verdict == "unreadable" for k in FEW)


def test_a_run_killed_midway_goes_on_with_resume(graded, few):
    with subprocess.Popen(asking(few), cwd=ROOT, env=environment(few), stderr=subprocess.DEVNULL) as grader:
        there = lambda: len(list(few.glob("grades/results/*.json")))
        wait(lambda: there() > unread() or grader.poll() is not None)
        grader.send_signal(signal.SIGKILL)
    assert unread() < there() < len(FEW)
    before = grades(few)
    wait(lambda: not processes(str(few)), 30)  # a grader that is killed takes its kernels along
    done = run(few, command("--resume", "--out", few / "grades", "--seconds", SECONDS))
    assert done.returncode == 0, done.stderr[-2000:]
    assert same(graded, few) and before.items() <= grades(few).items()


def test_a_cluster_that_loses_a_worker_gives_the_same_grades(graded, few):
    distributed = pytest.importorskip(
        "distributed", reason='needs: python -m pip install -c constraints.txt -e ".[grade]"'
    )
    about = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**about) as cluster, distributed.Client(cluster) as client:
        words = asking(few, "--dask", cluster.scheduler_address)
        with subprocess.Popen(
            words, cwd=ROOT, env=environment(few), stderr=subprocess.PIPE, text=True
        ) as grader:
            wait(
                lambda: list(few.glob("grades/results/*.json")) or grader.poll() is not None
            )  # the canary has passed
            busy = lambda: [worker for worker, tasks in client.processing().items() if tasks]
            worker = wait(lambda: busy() or grader.poll() is not None)[0]
            os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
            _, said = grader.communicate(timeout=600)
        assert grader.returncode == 0, said[-2000:]
    assert same(graded, few)


def test_without_a_sandbox_it_refuses(tmp_path, few):
    env = environment(few) | {"PATH": str(tmp_path / "nothing")}
    done = subprocess.run(asking(few), cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    for words in (
        "no sandbox",
        "bubblewrap: not installed",
        "podman",
        "docker",
        "apt install bubblewrap",
        "--no-sandbox",
    ):
        assert words in done.stderr
    assert "Traceback" not in done.stderr and not (few / "grades").exists()


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("return 0.1", "return 0.05", "shallow valley"),
        ("return 0.1", "return 0.1 + 0 * len(open(__import__('os').environ['GDCOURSE_CANARY_FILE']).read())", "solution"),
        ("    ### BEGIN SOLUTION\n", "    pass\n", "untouched"),
    ],
    ids=["a solution that is wrong", "a solution that is wrong in the sandbox", "a notebook that holds the solutions"],
)  # fmt: skip
def test_where_the_canary_dies_nothing_is_published(few, old, new, says):
    (few / "solutions").mkdir()
    source = (ROOT / "exercises" / "solutions" / f"{NAME}.ipynb").read_text(encoding="utf8")
    old, new = json.dumps(old)[1:-1], json.dumps(new)[1:-1]
    source = source.replace(old, new)
    if says == "untouched":
        source = source.replace(json.dumps("    ### END SOLUTION")[1:-1], "    pass")
    (few / "solutions" / f"{NAME}.ipynb").write_text(source, encoding="utf8")
    env = environment(few) | {"GDCOURSE_CANARY_FILE": str(ROOT / "pyproject.toml")}
    words = asking(few, "--solutions", few / "solutions")
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert (
        not list(few.glob("grades/results/*"))
        and not list(few.glob("grades/*.csv"))
        and not list(few.glob("grades/*.html"))
    )
