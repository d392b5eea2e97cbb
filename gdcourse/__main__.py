"""The command line: ``python -m gdcourse doctor|check|data|student|sources``."""

import argparse
import json
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
    verdicts = student.check_notebook(args.notebook)
    for mark, name, text, _ in verdicts:
        print(f"{mark} {name}: {text}")
    earned = sum(points for *_, points in verdicts)
    total = sum(points for points, _ in student.checker_of(args.notebook).exercises.values())
    print(f"{earned} of {total} points")
    return 0 if earned == total else 1


def run_data(args):
    from gdcourse import datasets

    if args.name is None:
        for name, loader in datasets.NAMES.items():
            print(f"{name:<10} {loader.__doc__.splitlines()[0]}")
        return 0
    data = datasets.load(args.name)
    print(datasets.NAMES[args.name].__doc__.split(">>>")[0].strip())
    arrays = {field: value for field, value in data._asdict().items() if hasattr(value, "shape")}
    print(", ".join(f"{field} {value.shape}" for field, value in arrays.items()))
    return 0


def run_student(args):
    for path in student.write_learner_versions(args.folder):
        print(path)
    return 0


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
    add("data", run_data, "list the data sets, or describe one").add_argument("name", nargs="?")
    add("student", run_student, "make the learner's notebooks from the solutions").add_argument(
        "folder", nargs="?", default="exercises"
    )
    add("sources", run_sources, "count the rows of the source articles that the course covers")
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except (ValueError, OSError, ImportError) as error:
        print(f"gdcourse {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
