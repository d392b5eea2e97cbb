"""``python -m gdcourse grade``."""

import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gdcourse.grading import sandbox
from gdcourse.grading.judge import GraderFault
from gdcourse.grading.run import grade, noted


def main(args):
    """Grade as the command line says, and print what came of it; 1 when the grader was at fault somewhere.

    Raises ValueError for what cannot be graded, FileNotFoundError for what is not there.
    """
    folder, assignment, term = asked(args)
    solution = Path(args.solutions, f"{assignment}.ipynb")
    try:
        kind = "none" if args.no_sandbox else sandbox.choose()
        with executor(args) as pool:
            entries = grade(folder, solution, args.out, pool, term, kind, args.seconds, args.similarity)
    except (sandbox.NoSandbox, GraderFault) as error:
        raise ValueError(str(error)) from None
    verdicts = Counter(e["result"]["verdict"] for e in entries)
    print(", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items())) or "no notebooks")
    print(f"Open {Path(args.out).resolve() / 'index.html'}")
    return 1 if verdicts["grader fault"] else 0


def asked(args):
    """(submissions, assignment, term) of the command line; with --resume, of the run that --out holds."""
    about = noted(args.out)
    if args.resume and not about:
        raise FileNotFoundError(f"no run to go on with in {args.out}: leave out --resume")
    if args.resume:
        return about["submissions"], about["assignment"], about["term"]
    if not args.submissions or not args.assignment:
        raise ValueError("needs the folder of submissions and --assignment, for example 03_gradient_descent")
    return args.submissions, args.assignment, args.term


@contextlib.contextmanager
def executor(args):
    """Where the work is done: threads that wait for processes on this machine, or a cluster."""
    if not args.dask:
        with ThreadPoolExecutor(args.workers) as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError('needs dask: python -m pip install -c constraints.txt -e ".[grade]"') from None
    with Client(args.dask) as client:
        yield client.get_executor(pure=False, retries=2)
