"""The sandbox in which a learner's kernel runs: its limits, its command line, and a probe that it works.

Two walls. The inner one holds the kernel alone: it sees Python, read-only, and small folders in memory. The outer one
holds pytest, which judges: it runs as a normal user, and the kernel's sockets lie on its sized tmpfs. So a kernel can
write nowhere on the host's disk. With podman or docker only the inner wall stands.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import gdcourse
from gdcourse.grading import seccomp

MB = 2**20
NOBODY = 65534
IMAGE = "localhost/gdcourse-empty"
HIDDEN = ("checks", "grading")  # of gdcourse: what judges an answer is never beside it
CONTAINERS = ("podman", "docker")
KINDS = ("bubblewrap", *CONTAINERS)
HOW = """no sandbox for the learners' programs works here:
{}
On Debian or Ubuntu: apt install bubblewrap (0.8 or newer)
Ubuntu 24.04 also wants: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
Elsewhere install podman; on macOS or Windows grade in a Linux virtual machine.
With --no-sandbox the programs run as you, and can read and change all that you can: only for answers that you trust."""


class NoSandbox(Exception):
    """No sandbox works here; the text says how to get one."""


class Limits(NamedTuple):
    """What one notebook may use: seconds, bytes and numbers of things."""

    cell_seconds: float = 20
    notebook_seconds: float = 120
    memory: int = 2048 * MB  # of addresses, for each process
    processes: int = 64  # and threads; Jupyter's own are about a dozen
    output: int = 5 * MB
    messages: int = 20_000
    scratch: int = 64 * MB  # of files, in memory
    data: str = ""  # a folder that the notebook may read, the cache of gdcourse.fetch


def python_folders():
    """The folders that Python needs beside /usr: its own, the environment's and gdcourse's."""
    package = str(Path(gdcourse.__file__).parent)
    found = [*map(os.path.realpath, (sys.base_prefix, sys.prefix, package)), *packages()[:-1]]
    return [folder for folder in dict.fromkeys(found) if not folder.startswith("/usr/") and folder != "/usr"]


def packages():
    """The folders from which the kernel imports packages."""
    found = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return [*filter(os.path.isdir, found), str(Path(gdcourse.__file__).parents[1])]


def python(*args):
    """The start of a kernel's Python without the site's hooks and the debugger, a third of its start-up time."""
    code = f"import sys, site; sys.path += {packages()!r}; sys.modules['debugpy'] = None; site.sethelper(); "
    return [sys.executable, "-I", "-S", "-c", code + args[0], *args[1:]]


def environment(limits):
    fixed = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "IPYTHONDIR": "/tmp/ipython",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return fixed | ({"GDCOURSE_DATA": limits.data} if limits.data else {})


def cpu(limits):
    """Seconds of processor time for each process: that of two cores."""
    return int(2 * limits.notebook_seconds) + 1


def ceilings(limits):
    """The command that sets the kernel's limits of the operating system."""
    return [
        "prlimit",
        f"--as={limits.memory}",
        f"--nproc={limits.processes}",
        f"--cpu={cpu(limits)}",
        f"--fsize={10 * MB}",
        "--nofile=256",
        "--core=0",
    ]


def system():
    """bubblewrap's arguments for the system's folders and Python's, all read-only."""
    args = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(name):
            args += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            args += ["--ro-bind", name, name]
    return args + bind("--ro-bind", "/etc/ld.so.cache", *python_folders())


def bind(how, *paths):
    """Arguments that bind ``paths``, the folders above them readable by everybody."""
    args = []
    for path in paths:
        for above in reversed(Path(path).parents[:-1]):
            args += ["--dir", str(above)]
        args += [how, path, path]
    return args


def memory_folder(path, size):
    return ["--perms", "1777", "--size", str(size), "--tmpfs", path]


def bubblewrap():
    """bwrap with the filter of system calls, which it reads from an open file; the shell makes it in pytest's /tmp."""
    octal = "".join(f"\\{byte:03o}" for byte in seccomp.program())
    if not octal:
        return ["bwrap"]
    lines = f"printf '{octal}' > /tmp/$$", "exec 9< /tmp/$$", "rm /tmp/$$", 'exec bwrap --seccomp 9 "$@"'
    return ["sh", "-c", " && ".join(lines), "bwrap"]


def inner_bubblewrap(limits, binds):
    package = Path(gdcourse.__file__).parent
    args = [*bubblewrap(), "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    args += ["--die-with-parent", "--new-session", "--clearenv"]
    for name, value in environment(limits).items():
        args += ["--setenv", name, value]
    # /tmp comes first, for Python may lie below it.
    args += [*memory_folder("/tmp", limits.scratch), *system(), "--proc", "/proc", "--dev", "/dev"]
    # Mapped, /dev/zero is the shared memory that the filter denies.
    args += ["--ro-bind", "/dev/null", "/dev/zero", *memory_folder("/dev/shm", limits.scratch)]
    for name in HIDDEN:
        args += [*memory_folder(str(package / name), MB), "--remount-ro", str(package / name)]
    if limits.data:
        args += bind("--ro-bind", limits.data)
    for how, path in binds:
        args += bind("--ro-bind" if how == "ro" else "--bind", path)
    # The limits are set inside, where processes are counted for this sandbox alone; bwrap's process 1, which the
    # kernel can rewrite through /proc/1/mem, has them too.
    first = ["sh", "-c", " ".join(ceilings(limits)) + ' --pid 1 && exec "$@"', "sh"]
    args += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    return [*args, *first, *ceilings(limits)]


def inner_container(kind, limits, binds):
    """podman or docker with an empty image, and the host's Python bound into it: nothing is downloaded."""
    package = Path(gdcourse.__file__).parent
    user = os.getuid() or NOBODY
    args = [
        kind,
        "run",
        "--rm",
        "--init",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        f"--user={user}",
    ]
    args += ["--security-opt=no-new-privileges", f"--pids-limit={limits.processes}", "--workdir=/tmp"]
    args += [
        f"--memory={2 * limits.memory}",
        "--ulimit=core=0:0",
        "--ulimit=nofile=256:256",
        "--ulimit=nproc=256:256",
    ]
    if kind == "podman":
        args.append("--read-only-tmpfs=false")
        if user != NOBODY:
            args.append("--userns=keep-id")
    folders = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", *python_folders(), limits.data]
    for how, path in [*(("ro", folder) for folder in folders if folder and os.path.exists(folder)), *binds]:
        args.append(f"--volume={path}:{path}:{how}")
    args += [f"--tmpfs=/tmp:size={limits.scratch},mode=1777", f"--shm-size={limits.scratch}"]
    empty = f"size={MB},mode=0555" + ",notmpcopyup" * (kind == "podman")  # or it shows what was there
    args += [f"--tmpfs={package / name}:{empty}" for name in HIDDEN]
    args += [f"--env={name}={value}" for name, value in environment(limits).items()]
    # A container outlives a grader that is killed, but not for long.
    args += [IMAGE, "timeout", "--signal=KILL", f"{limits.notebook_seconds + 60:g}"]
    return [*args, "prlimit", f"--as={limits.memory}", f"--cpu={cpu(limits)}", f"--fsize={10 * MB}"]


def inner(kind, limits, binds=()):
    """The command in front of a learner's Python; ``binds`` holds ("ro" or "rw", path) pairs."""
    if kind == "none":
        return [part for part in ceilings(limits) if "nproc" not in part]  # you have other processes
    if kind == "bubblewrap":
        return inner_bubblewrap(limits, binds)
    return inner_container(kind, limits, binds)


def make_folder(kind, place=None):
    """A new folder in ``place`` with a folder "results", for ``outer``; only its pytest and you can read it."""
    folder = Path(tempfile.mkdtemp(prefix="gdcourse-", dir=place))
    (folder / "results").mkdir()
    if os.getuid() == 0 and kind == "bubblewrap":
        for path in folder, folder / "results":
            os.chown(path, NOBODY, NOBODY)
    return folder


def outer(kind, folder, data=""):
    """The command in front of pytest, which reads ``folder`` and writes in ``folder``/results; ``data`` as in Limits."""
    ceiling = ["prlimit", f"--as={6144 * MB}:", "--core=0"]  # the kernel's own may be higher
    if kind != "bubblewrap":
        return ceiling
    args = [
        "bwrap",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-net",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
    ]
    become = []
    if os.getuid() == 0:
        args += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        become = [
            "setpriv",
            f"--reuid={NOBODY}",
            f"--regid={NOBODY}",
            "--clear-groups",
            "--bounding-set=-all",
            "--no-new-privs",
        ]
    else:
        args += ["--unshare-user"]
    # The host's /proc, for in the inner wall one can be mounted only where a whole one is seen.
    args += [*memory_folder("/tmp", 64 * MB), *system(), "--dev-bind", "/proc", "/proc", "--dev", "/dev"]
    args += [
        *bind("--ro-bind", str(folder), *filter(None, [data])),
        *bind("--bind", str(Path(folder, "results"))),
    ]
    return [*args, *become, "env", f"--chdir={folder}", *ceiling]  # bwrap itself may not enter it


def probe(kind):
    """Why no Python with NumPy can be started in a sandbox of this kind, or "" when it can."""
    if not shutil.which("bwrap" if kind == "bubblewrap" else kind):
        return f"{kind}: not installed"
    folder = str(make_folder(kind))
    code = f"import ipykernel, numpy, gdcourse.probes, os; print('host' if os.path.exists({folder!r}) else 'fine')"
    try:
        if kind != "bubblewrap":
            empty = subprocess.run(["tar", "c", "-T", "/dev/null"], capture_output=True, check=True).stdout
            subprocess.run([kind, "import", "-", IMAGE], input=empty, capture_output=True, timeout=60)
        command = [*outer(kind, folder), *inner(kind, Limits()), *python(code)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{kind}: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.stdout.strip() == "fine":
        return ""
    return f"{kind}: {([*done.stderr.strip().splitlines(), *done.stdout.splitlines()] or ['no answer'])[-1]}"


def choose():
    """The first kind of sandbox that works here. Raises NoSandbox."""
    reasons = []
    for kind in KINDS:
        reason = probe(kind)
        if not reason:
            return kind
        reasons.append(reason)
    raise NoSandbox(HOW.format("\n".join(f"  {reason}" for reason in reasons)))
