"""``python -m gdcourse grade``."""

import contextlib
import difflib
import math
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gdcourse.grading import sandbox
from gdcourse.grading.archive import Overfull
from gdcourse.grading.judge import GraderFault
from gdcourse.grading.run import grade, noted

SOLUTIONS = Path(__file__).parents[2] / "exercises" / "solutions"


def main(args):
    """Grade as the command line says, and print what came of it; 1 when the grader was at fault somewhere.

    Raises ValueError for what cannot be graded, FileNotFoundError for what is not there.
    """
    folder, assignment, term, solutions = asked(args)
    solution = solution_of(assignment, solutions)
    try:
        kind = "none" if args.no_sandbox else sandbox.choose()
        with executor(args) as (pool, workers):
            how = term, kind, args.seconds, args.similarity, workers
            entries = grade(folder, solution, args.out, pool, *how)
    except (sandbox.NoSandbox, GraderFault, Overfull) as error:
        raise ValueError(str(error)) from None
    verdicts = Counter(e["result"]["verdict"] for e in entries)
    print(", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items())))
    print(f"Open {Path(args.out).resolve() / 'index.html'}")
    return 1 if verdicts["grader fault"] else 0


def asked(args):
    """(submissions, assignment, term, solutions) of the command line; with --resume, of the run in --out."""
    if args.workers < 1 or args.seconds is not None and not 0 < args.seconds < math.inf:
        raise ValueError("--workers and --seconds must be above 0")
    if Path(args.out).exists() and not Path(args.out).is_dir():
        raise ValueError(f"--out {args.out} is a file: name a folder")
    given = {"submissions": args.submissions, "assignment": args.assignment, "term": args.term}
    if args.resume:
        about = noted(args.out)
        if not about:
            raise FileNotFoundError(f"no run to go on with in {args.out}: leave out --resume")
        given["submissions"] = args.submissions and str(Path(args.submissions).resolve())
        if other := [name for name, value in given.items() if value not in (None, about[name])]:
            raise ValueError(f"{args.out} holds a run with other {', '.join(other)}: leave out --resume")
        solutions = args.solutions or about["solutions"]
        return about["submissions"], about["assignment"], about["term"], solutions
    if not args.submissions or not args.assignment:
        raise ValueError("needs the folder of submissions and --assignment, for example 03_gradient_descent")
    if not Path(args.submissions).is_dir():
        raise FileNotFoundError(f"no folder {args.submissions}: name the folder that holds the notebooks")
    if Path(args.submissions).resolve() in (out := Path(args.out).resolve(), *out.parents):
        raise ValueError("--out lies in the folder of submissions: name a folder beside it")
    return *given.values(), args.solutions or SOLUTIONS


def solution_of(assignment, folder):
    """The solution notebook of ``assignment``; FileNotFoundError, with the names there are, where there is none."""
    there = {path.stem: path for path in sorted(Path(folder).glob("*.ipynb"))}
    if assignment not in there:
        near = difflib.get_close_matches(Path(assignment).stem, there, n=1, cutoff=0.3)
        offer = f"; did you mean {near[0]}?" if near else ""
        raise FileNotFoundError(
            f"no assignment {assignment!r}{offer} There are: {', '.join(there) or f'none in {folder}'}"
        )
    return there[assignment]


@contextlib.contextmanager
def executor(args):
    """(executor, its workers): threads that wait for processes on this machine, or a cluster."""
    if not args.dask:
        pool = ThreadPoolExecutor(args.workers)
        try:
            yield pool, args.workers
        except KeyboardInterrupt:
            saved = len(list(Path(args.out, "results").glob("*.json")))
            go_on = "type the same command again to go on"
            print(f"gdcourse grade: interrupted; {saved} results are saved; {go_on}", file=sys.stderr)
            sys.stderr.flush()
            os._exit(130)  # the sandboxes die with this process; waiting for them would take minutes
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError('needs dask: python -m pip install -c constraints.txt -e ".[grade]"') from None
    try:
        client = Client(args.dask, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no dask scheduler at {args.dask} ({error}): start one by `dask scheduler`, and give its address, "
            "such as tcp://host:8786"
        ) from None
    with client:
        yield client.get_executor(pure=False, retries=2), max(1, len(client.nthreads()))
