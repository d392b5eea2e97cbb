"""The sandbox: what a learner's Python sees and may do in it, and what an odd line from it does outside: nothing."""

import asyncio
import errno
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gdcourse import doctor
from gdcourse.grading import sandbox, seccomp
from gdcourse.grading.kernel import SandboxProvisioner
from gdcourse.grading.plugin import ODD, at_most, clearer, outcome, plain
from gdcourse.grading.watched import in_memory
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
    of_1 = ask.replace("getrlimit(x)", "prlimit(1, x)")  # whose memory it can write
    assert json.loads(run(of_1, memory=2**30, processes=50)) == [2**30, 50, 0]


MACHINE = platform.machine()
filtered = pytest.mark.skipif(MACHINE not in seccomp.MACHINES, reason="needs a filter for this machine")


def column(machine):
    """{name: number} of the system calls that are denied on ``machine``."""
    return {name: row[list(seccomp.MACHINES).index(machine)] for name, row in seccomp.DENIED.items()}


@inside
@filtered
def test_it_makes_no_memory_that_no_limit_counts(run):
    numbers = [*column(MACHINE).values(), seccomp.X32]
    code = f"""import ctypes, errno, mmap, socket
libc = ctypes.CDLL(None, use_errno=True)
print([errno.errorcode[ctypes.get_errno()] for n in {numbers} if libc.syscall(n, 0, 0, 0, 0, 0) == -1])
larger = lambda: socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**22)
for call in lambda: mmap.mmap(-1, 4096), lambda: open('/dev/zero'), larger:
    try: print(call())
    except PermissionError: print('denied')
print(*[line.split()[1] for line in open('/proc/1/status') if line.startswith('Seccomp:')])"""
    assert run(f"exec({code!r})").splitlines() == [str(len(numbers) * ["EPERM"]), *(3 * ["denied"]), "2"]


@inside
def test_it_may_share_memory_in_files(run):
    code = """import multiprocessing as m, multiprocessing.shared_memory as s, numpy as np, matplotlib.pyplot as plt
block, queue = s.SharedMemory(create=True, size=8), m.SimpleQueue()
def work():
    with lock: np.ndarray(1, buffer=block.buf)[:] = 3.5
    queue.put(shared.value)
lock, shared = m.Lock(), m.Value('i', 7)
child = m.Process(target=work)
child.start(); child.join()
plt.plot([1]); plt.savefig('/tmp/a.png')
print(queue.get(), np.ndarray(1, buffer=block.buf)[0])
block.close(); block.unlink()"""
    assert run(f"exec({code!r})") == "7 3.5"


def answer_of(machine, number, place=0, argument=0, architecture=None):
    """What the filter of ``machine`` answers to a call with the ``argument`` at ``place``: "allow" or an error's name."""
    arguments = [0] * place + [argument] + [0] * (5 - place)
    data = struct.pack("=iIQ6Q", number, architecture or seccomp.MACHINES[machine], 0, *arguments)
    steps = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    at = value = 0
    while True:
        code, then, otherwise, k = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return "allow" if k == 0x7FFF0000 else errno.errorcode[k & 0xFFFF]
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, k)
        elif code == seccomp.AND:
            value &= k
        else:
            at += then if (value == k if code == seccomp.EQUAL else value >= k) else otherwise


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_denies_what_it_names_and_nothing_else(machine):
    denied = [*column(machine).values(), *range(seccomp.X32, seccomp.X32 + 3), -1]
    assert {answer_of(machine, number) for number in denied} == {"EPERM"}
    assert {answer_of(machine, number) for number in {*range(480)} - {*denied}} == {"allow"}
    at = list(seccomp.MACHINES).index(machine)
    for numbers, place, _, value in seccomp.DENIED_IF.values():
        assert answer_of(machine, numbers[at], place, value) == "EPERM"
        assert answer_of(machine, numbers[at], place, value ^ 3) == "allow"
        assert answer_of(machine, numbers[at] + 1, place, value) == "allow"
    assert answer_of(machine, 0, architecture=0x40000003) == "EPERM"


def test_elsewhere_it_goes_without_a_filter(monkeypatch):
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    assert sandbox.inner("bubblewrap", sandbox.Limits())[0] == "bwrap"


def test_memory_is_seen_that_is_shared_or_of_a_process_whose_first_thread_has_ended():
    fill = (
        f"import mmap, time; m = mmap.mmap(-1, {50 * sandbox.MB}); m.write(bytes(len(m))); print(flush=True)"
    )
    ends = f"import ctypes, threading, time\ndef fill(): {fill}; time.sleep(60)\nthreading.Thread(target=fill).start()\n"
    ends += "ctypes.CDLL(None).pthread_exit(None)"
    for code in f"{fill}; time.sleep(60)", ends:
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            assert 50 * sandbox.MB < in_memory(process.pid) < 100 * sandbox.MB
            process.kill()


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
