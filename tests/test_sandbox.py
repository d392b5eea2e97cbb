"""The sandbox: what a learner's Python sees and may do in it, and what an odd line from it does outside: nothing."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gdcourse import doctor
from gdcourse.grading import sandbox
from gdcourse.grading.kernel import SandboxProvisioner
from gdcourse.grading.plugin import ODD, at_most, clearer, outcome, plain
from gdcourse.probes import decode

inside = pytest.mark.skipif(
    bool(sandbox.probe("bubblewrap")), reason="needs bubblewrap: apt install bubblewrap"
)


@pytest.fixture
def run(tmp_path):
    """A function that runs code in the sandbox and returns what it printed."""
    (tmp_path / "results").mkdir()
    tmp_path.chmod(0o755)

    def run(code, **limits):
        wall = sandbox.inner("bubblewrap", sandbox.Limits(**limits))
        command = [*sandbox.outer("bubblewrap", tmp_path), *wall, *sandbox.python(code)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@inside
def test_it_is_a_normal_user_without_any_capability(run):
    status = run("print(open('/proc/self/status').read())")
    rows = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert "0" not in rows["Uid"].split()
    assert {int(rows[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert rows["NoNewPrivs"] == "1"


@inside
def test_it_sees_no_other_process_and_no_secret_of_the_environment(run, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    assert run("import os; print([p for p in os.listdir('/proc') if p.isdigit()])") in (
        "['1', '2']",
        "['1', '2', '3']",
    )
    assert run("import os; print('SECRET' in os.environ)") == "False"


@inside
def test_it_makes_no_namespace_of_its_own(run):
    assert run("import os; print(os.system('unshare -U true 2> /dev/null') != 0)") == "True"


@inside
@pytest.mark.parametrize("folder", ["/", "/usr", "/dev", "/etc", "{package}", "{package}/checks", "{prefix}"])
def test_it_writes_in_its_own_folders_only(run, folder):
    folder = folder.format(package=sandbox.gdcourse.__path__[0], prefix=sys.prefix)
    assert (
        run(f"import os; print(os.access({folder!r}, os.W_OK), os.access('/tmp', os.W_OK))") == "False True"
    )


@inside
def test_its_own_folders_have_a_size(run):
    fill = "n = 0\ntry:\n for k in range(99):\n  n += open(f'/tmp/{k}', 'wb', 0).write(bytes(2**20))\nexcept OSError: pass\n"
    assert int(run(f"exec({fill!r}); print(n)", scratch=2**23)) <= 2**23


@inside
def test_it_has_only_its_own_network(run):
    assert run("import socket; print(socket.if_nameindex())") == "[(1, 'lo')]"


@inside
def test_it_holds_no_file_of_ours_open(run):
    assert run("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])") == "[0, 1, 2]"


@inside
def test_it_is_short_of_memory_and_processes(run):
    ask = "import resource as r; print([r.getrlimit(x)[1] for x in (r.RLIMIT_AS, r.RLIMIT_NPROC, r.RLIMIT_CORE)])"
    assert json.loads(run(ask, memory=2**30, processes=50)) == [2**30, 50, 0]


@inside
def test_a_clone_below_tmp_works():
    with tempfile.TemporaryDirectory(dir="/tmp") as clone:
        shutil.copytree(sandbox.gdcourse.__path__[0], f"{clone}/gdcourse")
        code = "from gdcourse.grading import sandbox; print(sandbox.gdcourse.__file__, sandbox.probe('bubblewrap'))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, timeout=60
        )
    assert done.stdout == f"{clone}/gdcourse/__init__.py \n"


@inside
@pytest.mark.skipif(not os.path.isdir("/home"), reason="needs a folder /home")
def test_a_clone_below_home_works(monkeypatch):
    folders = sandbox.python_folders()
    monkeypatch.setattr(sandbox, "python_folders", lambda: [*folders, "/home"])
    assert sandbox.probe("bubblewrap") == ""


@inside
def test_the_doctor_finds_no_sandbox_where_no_kernel_can_start_in_one(monkeypatch):
    assert doctor.sandbox()
    monkeypatch.setattr(sandbox, "packages", lambda: [])
    assert not doctor.sandbox()


def test_a_kernel_that_leaves_folders_behind_is_cleaned_up_after(tmp_path):
    deep = tmp_path / "kernel" / "/".join(200 * "d")
    deep.mkdir(parents=True)
    (tmp_path / "kernel" / "d").chmod(0)
    provisioner = SandboxProvisioner()
    provisioner.folder = str(tmp_path / "kernel")
    with ThreadPoolExecutor() as pool:  # a loop of its own: the browser's tests leave one running here
        pool.submit(asyncio.run, provisioner.cleanup()).result()
    assert not (tmp_path / "kernel").exists()


def test_without_any_sandbox_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(
        sandbox.NoSandbox, match="(?s)bubblewrap: not installed.*docker: not.*apt install bubblewrap"
    ):
        sandbox.choose()


def test_the_probe_says_why_it_failed(monkeypatch):
    monkeypatch.setattr(sandbox, "inner", lambda *_: ["sh", "-c", "echo no user namespaces >&2; exit 1"])
    if sandbox.shutil.which("bwrap"):
        assert sandbox.probe("bubblewrap") == "bubblewrap: no user namespaces"


COLLIDING = [[k * (2**61 - 1), 0] for k in range(1, 100_000)]
DEEP = 900 * "[" + 900 * "]"


@pytest.mark.parametrize(
    "value",
    [
        '{"array": ["|O", [1], [1]]}',
        '{"array": ["<f8", [2, 3], [1]]}',
        '{"array": ["<f8", [1], [[]]]}',
        '{"array": ["<U999999999", [2], ["x", 5]]}',
        '{"array": ["|V1000000000", [1], [1]]}',
        '{"array": [["f8"], [1], [1]]}',
        '{"array": ["<f8", [1], [1' + 4000 * "0" + "]]}",
        '{"scalar": ["<M8[s]", 1]}',
        '{"fraction": [1, 0]}',
        '{"opaque": ["\\u0000", ""]}',
        '{"no such kind": 1}',
        '{"tuple": 1}',
        "{}",
        '{"objects": [[-1], [1, 2, 3], 4]}',
    ],
)  # fmt: skip
def test_what_no_encode_wrote_is_refused(value):
    with pytest.raises((ValueError, TypeError, LookupError, ArithmeticError, AttributeError)):
        decode(outcome(f'gdcourse {{"value": {value}}}')["value"])


@pytest.mark.parametrize(
    "line",
    ['gdcourse {"value": ', 'gdcourse {"value": 1} x', 'gdcourse {"value": 1' + 9999 * "0" + "}", 'gdcourse {"a": 1}',
     'gdcourse {"mistake": [1]}', 'gdcourse {"value": 1, "stub": 2}', 'gdcourse {"value": ' + 10**5 * "["],
)  # fmt: skip
def test_a_line_that_says_nothing_is_a_mistake(line):
    assert outcome(line) == {"mistake": ODD}


def test_an_answer_may_print_before_the_line_without_ending_its_own():
    assert outcome('step 1 gdcourse {"value": "gdcourse {"}') == {"value": "gdcourse {"}


def test_texts_of_very_different_lengths_take_no_memory():
    with pytest.raises(ValueError, match="too large"):
        decode({"array": ["<U1", [2000], [*(1999 * ["x"]), 10**6 * "x"]]})


def test_a_dictionary_whose_keys_collide_is_stopped():
    start = time.monotonic()
    with pytest.raises(TimeoutError), at_most(0.5):
        decode({"dict": COLLIDING})
    assert time.monotonic() - start < 5


def test_deep_lists_end_in_an_error_that_is_caught():
    with pytest.raises(RecursionError):
        decode(json.loads(DEEP))


def test_a_text_becomes_one_plain_line_of_500_characters():
    assert plain("a\x1b[31m\nb\u202e") == "a[31m b"
    assert len(plain("x" * 10**6)) == 500


@pytest.mark.parametrize(
    "python, ours",
    [
        ("its cell raised NameError: name 'stable_lr' is not defined", "there is no function stable_lr: keep the name."),
        ("its cell raised NameError: name 'x' is not defined", "its cell raised NameError: name 'x' is not defined"),
        ("it raised StdinNotImplementedError: raw_input was called at line 2.", "it asks for input, and nobody is there to type."),
        ("it raised ModuleNotFoundError: No module named 'jax'.", "it raised ModuleNotFoundError: No module named 'jax'; only what the course installs is there."),
        ("its cell raised SyntaxError: '(' was never closed (2719831970.py, line 1)", "SyntaxError at line 1: '(' was never closed"),
    ],
)  # fmt: skip
def test_a_text_of_python_becomes_clearer(python, ours):
    assert clearer("stable_lr", python) == ours
