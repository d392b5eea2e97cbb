"""Submissions of learners who attack the grader."""

import json

from gdcourse import student
from gdcourse.grading.judge import Writer
from gdcourse.probes import attempt
from tests.course import ROOT
from tests.submissions.honest import FILE, GOOD, TWO
from tests.submissions.make import NAME, SOLUTIONS, WORTH, cell_of, in_archive, only, row, saved, suffixed

# Each attacks one exercise, and brings honest answers to others.

TARGET = "loss_curve"
HEAD = """import os
ROOT, SUBMISSIONS, GRADES = {paths}
if os.path.exists(ROOT + "/pyproject.toml"):
    raise RuntimeError("not in a sandbox: stopped")
"""
BEFORE, AROUND = ("one_step_by_hand",), ("one_step_by_hand", "stable_lr")


def hostile(name, source, verdict="graded", honest=AROUND, earned=False, says=None, target=TARGET):
    """An attack on ``target`` by the cell ``source``; ``earned``: its answer is right, and keeps its points."""

    def build(path):
        paths = str(ROOT), str(path.parent), str(path.parent.parent / "grades")
        saved(only(*honest) | {target: HEAD.format(paths=paths) + source})(path)

    right = [*honest, target] if earned else honest
    row("hostile", name, build, verdict, right, {target: says} if says else None)


def at_call(lines, prints=""):
    """The attack as the body of the answer, which then returns zeros."""
    body = "\n".join("    " + line for line in lines.strip().splitlines())
    return f"{prints}def {TARGET}(X, y, lr, steps):\n{body}\n    return np.zeros(steps + 1)\n"


def by_heart(name):
    """A cell that knows the answers to the questions asked at home, and to no others."""
    namespace = {}
    exec("import numpy as np\n" + SOLUTIONS[name], namespace)
    writer = Writer(namespace[name])
    student.checker_of(f"{NAME}.ipynb").verdict(name, writer)
    known = {json.dumps(call["args"]): attempt(namespace[name], call)["value"] for call in writer.calls}
    return (
        f"import json\nfrom gdcourse.probes import decode, encode\nknown = {known!r}\n"
        f"def {name}(*args):\n    return decode(known.get(json.dumps(encode(args)), 'not known'))\n"
    )


ZEROS = at_call("pass")

# ... that lie about what they return

hostile("returns an object that is equal to everything", """
class Yes:
    def __eq__(self, other): return True
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __abs__(self): return self
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__
    def __bool__(self): return True
    shape, dtype, ndim = (5,), np.dtype(float), 1
""" + at_call("return Yes()"))  # fmt: skip
hostile("returns another array at each look", """
class Shifty:
    looks = 0
    def __array__(self, *args, **kwargs):
        Shifty.looks += 1
        return np.full(5, float(Shifty.looks))
""" + at_call("return Shifty()"))  # fmt: skip
hostile("returns a float that compares as it likes", """
class Liar(float):
    def __eq__(self, other): return True
    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __eq__
    def __float__(self): return self
    def __hash__(self): return 0
    def __sub__(self, other): return Liar(0)
    __rsub__ = __sub__
""" + at_call("return [Liar(1)] * (steps + 1)"))  # fmt: skip
hostile("returns an array whose tolist lies", """
class Liar(np.ndarray):
    def tolist(self): return [{"value": 1}, float("nan"), "x"]
    def ravel(self, *args): return self
    def __eq__(self, other): return np.ones(5, bool)
    def __array_finalize__(self, other): pass
    def __array_ufunc__(self, *args, **kwargs): return np.zeros(5)
""" + at_call("return np.zeros(steps + 1).view(Liar)"))  # fmt: skip
hostile("returns an object that says it is a list", """
class Mask:
    __class__ = list
    def __len__(self): return 5
    def __iter__(self): return iter([0] * 5)
    def __repr__(self): return "[1, 2, 3, 4, 5]"
""" + at_call("return Mask()"))  # fmt: skip
hostile("returns an object that runs code when it is unpickled", """
class Bomb:
    def __reduce__(self): return os.system, ("touch " + GRADES + "/../owned",)
""" + at_call("return Bomb()"))  # fmt: skip
hostile("returns an object whose text never ends", """
class Endless:
    def __repr__(self):
        while True: pass
""" + at_call("return Endless()"), "timeout")  # fmt: skip
hostile(
    "returns a list that doubles 60 times",
    at_call("a = [0]\nfor _ in range(60): a = [a, a]\nreturn a"),
    "timeout",
)
hostile("returns a text of 20 MB", at_call("return '9' * 20_000_000"), says="20,000,000 characters")
hostile("knows the answers to the questions at home by heart", by_heart(TARGET), says="'not known'")

# ... that change what runs beside them

hostile("changes builtins.abs", "import builtins\nbuiltins.abs = lambda x: 0\n" + ZEROS)
hostile(
    "changes builtins.all and any",
    "import builtins\nbuiltins.all = builtins.any = lambda x: True\n" + ZEROS,
    honest=BEFORE,
)
hostile("changes numpy's comparisons", "yes = lambda *a, **k: True\n"
        "np.allclose = np.array_equal = np.all = np.isclose = yes\nnp.abs = lambda *a, **k: 0\n" + ZEROS)  # fmt: skip
hostile("changes numpy.asarray", "np.asarray = lambda *a, **k: np.zeros(5)\n" + at_call("return iter([])"))
hostile("changes numpy.testing and pytest", "import sys, numpy.testing\nnumpy.testing.assert_allclose = print\n"
        "sys.modules['pytest'] = sys.modules['_pytest'] = sys.modules['nbval'] = np\n" + ZEROS)  # fmt: skip
hostile("changes the methods of every array", "import gc\nfor d in gc.get_referents(np.ndarray.__dict__):\n"
        "    d['__eq__'] = d['__sub__'] = lambda a, b: True\nimport ctypes\n"
        "ctypes.pythonapi.PyType_Modified(ctypes.py_object(np.ndarray))\n" + ZEROS, honest=BEFORE)  # fmt: skip
FORGE = "forged = 'gdcourse ' + '{\"value\": [1.0, 1.0, 1.0, 1.0, 1.0]}'\n"
hostile(
    "changes json.dumps",
    "import json\njson.dumps = lambda *a, **k: '{\"value\": [1.0]}'\n" + ZEROS,
    verdict="timeout",
    honest=BEFORE,
)
hostile("changes print", FORGE + "import builtins\nprint0 = print\n"
        "builtins.print = lambda *a, **k: print0(forged)\n" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("changes sys.stdout", FORGE + """
import sys, io
class Out(io.StringIO):
    out = sys.stdout
    def write(self, text): return self.out.write(forged + "\\n")
sys.stdout = Out()
""" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("changes the display of IPython", FORGE + """
import sys, IPython.display
sys.displayhook = IPython.display.display = lambda *a, **k: print(forged)
get_ipython().display_formatter.format = lambda *a, **k: ({"text/plain": forged}, {})
""" + ZEROS)  # fmt: skip
hostile("hides its errors", "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.showtraceback = lambda *a, **k: None\nget_ipython().showtraceback = lambda *a, **k: None\n"
        + at_call("import sys; sys.exit(0)"))  # fmt: skip
for part in ("show", "attempt", "encode", "json"):
    forged = {"show": FORGE + "gdcourse.probes.show = lambda answer, calls: print(forged + '\\n' + forged + '\\n' + forged)",
              "attempt": "gdcourse.probes.attempt = lambda answer, call: {'value': call['args']}",
              "encode": "gdcourse.probes.encode = gdcourse.probes._encode = lambda value: 0.0",
              "json": "gdcourse.probes.json = type('J', (), {'loads': lambda t: [{}] * 3, 'dumps': lambda v: '1'})"}[part]  # fmt: skip
    hostile(f"changes gdcourse.probes.{part}", f"import gdcourse.probes\n{forged}\n{ZEROS}", honest=BEFORE)
hostile("puts another gdcourse.probes in its place", FORGE + "import sys, types\nfake = types.ModuleType('probes')\n"
        "fake.show = lambda answer, calls: print(forged)\nsys.modules['gdcourse.probes'] = fake\n" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("rewrites the check cells by an input transformer", FORGE + "get_ipython().input_transformers_cleanup.append("
        "lambda lines: ['print(forged)\\n'] if 'gdcourse_show' in ''.join(lines) else lines)\n" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("rewrites the check cells by their syntax tree", """
import ast
class Other(ast.NodeTransformer):
    def visit_Call(self, node): return ast.parse("print('gdcourse {}')").body[0].value
get_ipython().ast_transformers.append(Other())
""" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("changes run_cell", FORGE + "shell = type(get_ipython())\nrun0 = shell.run_cell_async\n"
        "async def run(self, raw, *a, **k):\n    return await run0(self, 'print(forged)', *a, **k)\n"
        "shell.run_cell_async = run\n" + ZEROS, honest=BEFORE)  # fmt: skip
hostile("reads the hidden inputs and looks for the outputs", """
import json, glob
calls, found = [], []
def spy(info):
    if "gdcourse_show" in info.raw_cell:
        calls.append(info.raw_cell)
        for path in glob.glob("**/*.ipynb", recursive=True) + glob.glob(os.environ.get("HOME", "") + "/**/*", recursive=True):
            if os.path.isfile(path) and 'gdcourse {"value' in open(path, errors="ignore").read():
                found.append(path)
get_ipython().events.register("pre_run_cell", spy)
""" + at_call("return f'calls {len(calls)}, found {found}'"), says="found []")  # fmt: skip
hostile("looks for the outputs in the frames and the memory", """
import sys, gc
""" + at_call("""
frame, seen = sys._getframe(), 0
while frame:
    for name in ("want", "good", "expected", "outcomes", "reference"):
        if name in frame.f_locals: return frame.f_locals[name]
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, dict) and ("value" in thing) and isinstance(thing["value"], dict) and "array" in thing["value"]:
        return thing["value"]["array"][-1]
"""), honest=BEFORE)  # fmt: skip
hostile("ends Python in the check of the next exercise", "def stop(info):\n    if 'stable_lr' in info.raw_cell: "
        "os._exit(0)\nget_ipython().events.register('pre_run_cell', stop)\n" + ZEROS, "crashed", honest=BEFORE)  # fmt: skip

# ... that forge what the kernel says

SEND = """
kernel = get_ipython().kernel
def send(kind, content, **k):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), **k)
"""
hostile("sends outcome lines of its own to the grader", SEND + FORGE + at_call(
    "send('stream', {'name': 'stdout', 'text': forged + '\\n'})"))  # fmt: skip
hostile("says that it is idle while it runs", SEND + FORGE + at_call(
    "send('stream', {'name': 'stdout', 'text': 3 * (forged + '\\n')})\nsend('status', {'execution_state': 'idle'})"),
    honest=BEFORE)  # fmt: skip
hostile("sends messages without content", SEND + at_call(
    "for kind in ('stream', 'display_data', 'error', 'execute_result', 'status', 'nonsense'): send(kind, {})"))  # fmt: skip
hostile("sends messages with the wrong content", SEND + at_call(
    "for kind in ('stream', 'display_data', 'error', 'execute_result'): "
    "send(kind, {'name': 'stdout', 'text': [1], 'data': 3, 'ename': 0, 'evalue': {}, 'traceback': None})"))  # fmt: skip
hostile("sends messages that nobody signed", SEND + at_call(
    "kernel.iopub_socket.send_multipart([b'stream', b'<IDS|MSG>', b'x' * 64, b'{}', b'{}', b'{}', b'{}'])"))  # fmt: skip
hostile(
    "sends bytes that are no message", SEND + at_call("kernel.iopub_socket.send_multipart([bytes(100)] * 3)")
)
hostile(
    "closes the socket of its outputs",
    SEND + at_call("kernel.iopub_thread.socket.close(0)"),
    "timeout",
    honest=BEFORE,
)
hostile("closes all its files", at_call("os.closerange(3, 1000)"), "crashed")
hostile("prints outcome lines that it guesses", at_call(
    "for k in range(1000): print('gdcourse {\"value\": [%d.0]}' % k)"))  # fmt: skip

MALFORMED = [
    "gdcourse", "gdcourse {", "gdcourse 3", "gdcourse []", "gdcourse {}", 'gdcourse {"value": 1, "stub": true}',
    'gdcourse {"mistake": {"a": [1]}}', 'gdcourse {"mistake": "\\ud800 \\u001b[31m"}', 'gdcourse {"stub": true}',
    'gdcourse {"value": NaN}', 'gdcourse {"value": {}}', 'gdcourse {"value": {"evil": 1}}', 'gdcourse {"value": {"tuple": 3}}',
    'gdcourse {"value": {"array": ["<f8", [2000000000], [1.0]]}}', 'gdcourse {"value": {"array": ["V2000000000", [1], [0]]}}',
    'gdcourse {"value": {"array": ["<U500000000", [2], ["a", "b"]]}}', 'gdcourse {"value": {"array": ["O", [1], [[]]]}}',
    'gdcourse {"value": {"array": ["<f8", [-1], [1.0]]}}', 'gdcourse {"value": {"scalar": ["O", []]}}',
    'gdcourse {"value": {"scalar": ["<M8[s]", "x"]}}', 'gdcourse {"value": {"fraction": [1, 0]}}',
    'gdcourse {"value": {"complex": [[], {}]}}', 'gdcourse {"value": {"dict": [[[], 1]]}}', 'gdcourse {"value": {"slice": 1}}',
    'gdcourse {"value": {"objects": [[1000000, 1000000], [1]]}}', 'gdcourse {"value": {"opaque": ["a\\u0000b", 1]}}',
    'gdcourse {"value": {"opaque": ["list", [[1]]]}}', "gdcourse " + '{"value": ' + "9" * 5000 + "}",
    'gdcourse {"value": 1e999}', 'gdcourse {"value": {"complex array": ["<c16", [5], [1, "x"]]}}',
]  # fmt: skip
for k in range(0, len(MALFORMED), 8):
    lines = dict(zip(WORTH, MALFORMED[k : k + 8]))
    forging = f"lines = {lines!r}\nimport gdcourse.probes\n" + (
        "gdcourse.probes.show = lambda answer, calls: print('\\n'.join([lines.get(answer.__name__, '')] * 9))\n"
    )
    answers = {name: f"def {name}(*args): return 0\n" for name in WORTH}
    first = next(iter(WORTH))
    row(
        "hostile",
        f"prints outcome lines of no sense, {k // 8 + 1}",
        saved(answers | {first: forging + answers[first]}),
    )
hostile("prints an outcome line 100,000 brackets deep", "import gdcourse.probes\ngdcourse.probes.show = lambda *a: "
        "print('gdcourse {\"value\": ' + '[' * 100_000 + ']' * 100_000 + '}')\n" + ZEROS, honest=BEFORE)  # fmt: skip

# ... that look for what is right

READ = """
import json
def take(path):
    for cell in json.load(open(path))["cells"]:
        if cell.get("id") == "loss_curve": exec("".join(cell["source"]), globals())
"""
hostile("reads the solution notebook", READ + at_call("pass").replace(TARGET, "stub") + """
def loss_curve(*args):
    take(ROOT + "/exercises/solutions/03_gradient_descent.ipynb")
    return loss_curve(*args)
""", says="FileNotFoundError")  # fmt: skip
hostile("reads the other submissions", READ + """
import glob
def loss_curve(X, y, lr, steps):
    others = glob.glob(SUBMISSIONS + "/*") + glob.glob("/tmp/**/*.ipynb", recursive=True)
    return f"others {others}"
""", says="others []")  # fmt: skip
hostile("imports the checks", """
def loss_curve(X, y, lr, steps):
    from gdcourse.checks import ch03
    return ch03.walk(X, y, lr, steps, 1 / len(y))
""", says="Error")  # fmt: skip
hostile("looks for the checks and the bank in files", """
import glob, gdcourse
def loss_curve(X, y, lr, steps):
    home = os.path.dirname(gdcourse.__file__)
    found = [p for folder in (home, ROOT) for pattern in ("/checks/**/*", "/grading/**/*", "/tests/**/*", "/exercises/**/*")
             for p in glob.glob(folder + pattern, recursive=True) if os.path.isfile(p)]
    return f"found {found}"
""", says="found []")  # fmt: skip
hostile("writes full marks into the grade file", at_call("""
import glob
for path in glob.glob(GRADES + "/**/*", recursive=True) + [GRADES + "/grades.csv", GRADES + "/../owned"]:
    open(path, "w").write("full marks")
"""), says="raised")  # fmt: skip
hostile("reads the passwords", at_call("return open('/etc/shadow').read()"), says="Error")
hostile("reads the grader's environment", at_call(
    "return 'secret ' + str(sorted(v for v in os.environ.values() if 'canary' in v))"), says="secret []")  # fmt: skip
hostile("reads what /proc knows of other processes", """
import glob
def loss_curve(X, y, lr, steps):
    seen = ""
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try: seen += open(path).read()
        except OSError: pass
    return f"seen {[word for word in ('nbval', 'GDCOURSE_CANARY', 'canary-') if word in seen]}"
""", says="seen []")  # fmt: skip
hostile("looks for other kernels", """
import glob
def loss_curve(X, y, lr, steps):
    mine = get_ipython().kernel.session.key.decode()
    others = [p for p in glob.glob("/tmp/**/*.json", recursive=True) + glob.glob(os.getcwd() + "/**/*.json", recursive=True)
              + glob.glob("/run/**/*.json", recursive=True) if "hmac-sha256" in open(p).read() and mine not in open(p).read()]
    return f"others {others}"
""", says="others []")  # fmt: skip
hostile("looks around", at_call("""
paths = [ROOT + "/tests", ROOT + "/exercises", SUBMISSIONS, GRADES, "/home", "/etc/passwd", "/root/.ssh", "/var/run/docker.sock"]
return f"sees {[path for path in paths if os.path.exists(path)]}"
"""), says="sees []")  # fmt: skip

# ... that leave the sandbox, or leave something behind

hostile("opens connections", """
import socket, urllib.request
def reached(call):
    try: call()
    except Exception: return False
    return True
def loss_curve(X, y, lr, steps):
    socket.setdefaulttimeout(0.2)
    tries = {h: lambda h=h: socket.create_connection((h, 80)) for h in ("8.8.8.8", "169.254.169.254", "10.0.0.1")}
    tries["dns"] = lambda: socket.getaddrinfo("pypi.org", 443)
    tries["url"] = lambda: urllib.request.urlopen("http://1.1.1.1", timeout=0.2)
    tries["docker"] = lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
    return f"reached {[name for name, call in tries.items() if reached(call)]}"
""", says="reached []")  # fmt: skip
KILL = "import signal\ndef kill(who):\n    try: os.kill(who, signal.SIGKILL)\n    except OSError: pass\n"
hostile("kills its parent", KILL + at_call("kill(os.getppid())"))
hostile("kills process 1", KILL + at_call("kill(1)"))
hostile("kills every process that it can", KILL + at_call("kill(-1)"))
hostile("kills its own group", at_call("import signal; os.killpg(0, signal.SIGKILL)"), "crashed")
hostile("asks for more rights", at_call("""
import ctypes, resource
libc, won = ctypes.CDLL(None, use_errno=True), []
for name, call in {"uid": lambda: libc.setuid(0), "unshare": lambda: libc.unshare(0x10000000), "chroot": lambda: libc.chroot(b"/"),
                   "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)}.items():
    if call() == 0: won.append(name)
for limit in ("AS", "NPROC", "CPU", "FSIZE", "NOFILE"):
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (-1, -1))
        won.append(limit)
    except (ValueError, OSError): pass
return f"won {won}"
"""), says="won []")  # fmt: skip
hostile("leaves files for whoever comes next", """
import glob
text = f"open({GRADES + '/../owned'!r}, 'w')"
for folder in {".", "..", "/tmp", "/dev/shm", "/var/tmp", os.environ.get("HOME", "."), os.path.dirname(
        os.environ.get("IPYTHONDIR", "/tmp/x")), *glob.glob("/tmp/*"), *glob.glob("../*")}:
    for name in ("conftest.py", "sitecustomize.py", "pytest.ini", "gdcourse.py", "numpy.py", "profile_default/startup/0.py", ".pth"):
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            open(os.path.join(folder, name), "w").write(text)
        except OSError: pass
""" + GOOD, earned=True)  # fmt: skip
hostile("leaves a process behind", at_call("""
import subprocess
subprocess.Popen(["sh", "-c", "sleep 471147 & exec sleep 471147"], start_new_session=True)
""", "").replace("np.zeros(steps + 1)", "'started'"), says="")  # fmt: skip
hostile("forks, and the child goes on as the kernel", at_call("os.fork()"), honest=BEFORE)

# ... that eat what there is

hostile("never ends", "while True: pass\n" + GOOD, "timeout")
hostile("never ends when called", at_call("while True: pass"), "timeout")
hostile("never ends, and takes no interrupt", "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
        "timeout")  # fmt: skip
hostile("never ends below a right answer", GOOD + "\nwhile True: pass\n", "timeout")
hostile(
    "never ends within one instruction", at_call("import re\nre.match('(a+)+$', 'a' * 99 + 'b')"), "timeout"
)
hostile("sleeps for a week", at_call("import time; time.sleep(600_000)"), "timeout")
hostile("stops itself", at_call("import signal; os.kill(os.getpid(), signal.SIGSTOP)"), "timeout")
hostile("ends Python", GOOD + "\nos._exit(0)\n", "crashed")
hostile("ends Python when called", at_call("os._exit(0)"), "crashed")
hostile(
    "ends Python in its answer, others after it",
    GOOD + "\nos._exit(0)\n",
    "crashed",
    honest=("stable_lr", "steepest_path"),
)
hostile("reads where it must not", at_call("import ctypes; ctypes.string_at(0)"), "crashed")
hostile("recurses without limit", "import sys\nsys.setrecursionlimit(10**9)\n" + at_call("f = lambda k: max([k], key=f)\nf(0)"),
        "crashed")  # fmt: skip
hostile("takes all memory", at_call("a = [np.empty(10**7) for _ in range(1000)]"), says="MemoryError")  # fmt: skip
hostile("fills memory that its processes share", at_call("""
import mmap, time
for _ in range(20):
    shared = mmap.mmap(-1, 3 * 10**7)
    if os.fork() == 0:
        shared.write(bytes(3 * 10**7))
        time.sleep(60)
        os._exit(0)
"""), says="raised PermissionError")  # fmt: skip
hostile("fills files that lie in no folder", at_call("""
for file in [os.memfd_create("x") for _ in range(60)]:
    os.write(file, bytes(10**7))
"""), says="raised PermissionError")  # fmt: skip
hostile("fills segments of System V, and detaches them", """
import ctypes
libc, address = ctypes.CDLL(None), ctypes.c_void_p
libc.shmat.restype = address
def loss_curve(*args):
    segments = [libc.shmget(0, 10**7, 0o1600) for _ in range(60)]
    for place in [libc.shmat(segment, None, 0) for segment in segments if segment != -1]:
        ctypes.memset(place, 1, 10**7)
        libc.shmdt(address(place))
    return f"fills {60 - segments.count(-1)} segments"
""", says="fills 0 segments")  # fmt: skip
hostile("fills large buffers of sockets", at_call("""
import socket
pairs = [socket.socketpair() for _ in range(60)]
for end, _ in pairs:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**22)
    end.setblocking(False)
    for _ in range(60): end.send(bytes(10**5))
"""), says="raised PermissionError")  # fmt: skip
hostile("hangs its memory on a file", at_call("""
open("/tmp/file", "w").close()
for k in range(10_000):
    os.setxattr("/tmp/file", f"user.{k}", bytes(60_000))
"""), says="raised PermissionError")  # fmt: skip
hostile("starts processes without end", """
import time
def loss_curve(X, y, lr, steps):
    for k in range(300):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    return "300 processes"
""", says="raised BlockingIOError")  # fmt: skip
hostile("starts threads without end", at_call("import threading, time\nfor _ in range(3000): "
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"), says="raised")  # fmt: skip
hostile("prints without end", at_call("while True: print('x' * 1000)"), "crashed")
hostile(
    "prints without end by the file itself", at_call("while True: os.write(1, b'x' * 100_000)"), "crashed"
)
hostile("prints without end in a thread", at_call("""
import threading, time
def chat():
    while True: print("x" * 1000)
threading.Thread(target=chat, daemon=True).start()
time.sleep(600)
"""), "crashed")  # fmt: skip
hostile("warns without end", at_call("import sys\nwhile True: print('x' * 1000, file=sys.stderr)"), "crashed")
hostile("shows pictures without end", "from IPython.display import HTML, display\n"
        + at_call("while True: display(HTML('x' * 10_000))"), "crashed")  # fmt: skip
hostile("fills every disk", """
import glob
written = 0
for folder in {".", "..", "/tmp", "/dev/shm", "/var/tmp", "/run", os.environ.get("HOME", "."), *glob.glob("/tmp/*"), *glob.glob("../*")}:
    for k in range(200):  # 10 MB each, at most 2 GB a folder
        try: written += open(f"{folder}/fill{k}", "wb", 0).write(bytes(10**7))
        except OSError: break
def loss_curve(*args): return "filled the host" if written > 10**9 else "written less than 1 GB"
""", says="written less")  # fmt: skip
hostile("makes files without end", at_call("""
for k in range(10**9):
    open(f"/tmp/{k}", "w").close()
"""), "crashed", says="made more than 100,000 files")  # fmt: skip
hostile(
    "opens files without end",
    at_call("return [open('/dev/null') for _ in range(100_000)]"),
    says="raised OSError",
)

# ... that write for whoever reads the report

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
hostile("an error message with a script", at_call(f"raise ValueError({EVIL!r})"), says="ValueError")
hostile("an error message that steers the terminal", at_call(
    "raise ValueError('\\x1b]0;owned\\x07\\x1b[2J\\r\\n\\u202egnp.exe\\x00')"), says="ValueError")  # fmt: skip
hostile("an error message with half a letter", at_call("raise ValueError('\\ud800')"), says="ValueError")
hostile("an error message of 10 MB", at_call("raise ValueError('x' * 10_000_000)"), "crashed")
hostile(
    "an error message that is a formula",
    at_call("class E(Exception): pass\nE.__name__ = '=cmd|calc!A0'\nraise E"),
)
hostile(
    "an error whose text cannot be made",
    at_call("class E(Exception):\n    def __str__(self): return 3\nraise E"),
)
hostile(
    "a line of code with a script",
    f"def loss_curve(*args):\n    raise ValueError()  # {EVIL}\n",
    says="ValueError",
)
row("hostile", "a script in the file's name", lambda path: suffixed(path, "<img src=x onerror=alert(1)>.ipynb").write_bytes(FILE), right=TWO)  # fmt: skip
row(
    "hostile",
    "a formula for a name",
    in_archive({"=HYPERLINK(1)_4712_assignsubmission_file_/x.ipynb": FILE}),
    right=TWO,
)
row("hostile", "a name that turns the line around", lambda path: suffixed(path, "\u202eade\n\x1b[31m.ipynb").write_bytes(FILE), right=TWO)  # fmt: skip

# ... that change the notebook around the answer


def changed(name, edit, answers=None, right=("stable_lr",), verdict="graded"):
    answers = only("stable_lr") | (answers or {TARGET: ZEROS})
    row("hostile", name, saved(answers, edit), verdict, right)


def worth_100(book):
    for cell in book["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["points"] = 100


def asks_nothing(book):
    cell_of(book, f"check_{TARGET}").update(
        source="print('✓ loss_curve: right, 2 of 2 points.')", metadata={}
    )


def poses_as_check(book):
    cell = json.loads(json.dumps(cell_of(book, TARGET)).replace(f'"{TARGET}"', f'"check_{TARGET}"'))
    book["cells"].append(cell | {"source": "print('gdcourse {\"value\": 1}')"})


def skips(book):
    for cell in book["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["tags"] = ["nbval-skip", "raises-exception", "nbval-ignore-output"]


changed("100 points for every cell", worth_100)
changed("a check cell that asks nothing", asks_nothing)
changed("a second cell under the check's name", poses_as_check)
changed("tags that skip the checks", skips)
changed("comments that skip the cell", None, {TARGET: "# NBVAL_SKIP\n" + GOOD}, right=("stable_lr", TARGET))
changed("a kernel of its own making", lambda book: book["metadata"].update(
    kernelspec={"name": "../../evil", "argv": ["sh", "-c", "touch owned"]}, gdcourse={"term": "", "points": 100}))  # fmt: skip
changed(
    "an answer that is a shell script",
    None,
    {TARGET: "%%bash\ntouch /tmp/owned ../owned\nkill -9 $PPID"},
    verdict="crashed",
)
changed("an answer that forgets everything", None, {TARGET: "%reset -f"}, right=())
