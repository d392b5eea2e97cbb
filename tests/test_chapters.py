"""The chapters keep the promises that CONTRIBUTING makes for them."""

import ast
import re
import subprocess
import sys
import tokenize
from io import StringIO

import pytest

from tests.course import (
    CHAPTERS,
    LEARNER,
    ROOT,
    SOLUTIONS,
    cells,
    definitions,
    imported_names,
    name,
    other_statements,
    package_module,
)  # fmt: skip

TAUGHT = (
    "objectives",
    "gradcheck",
    "descent",
    "mlp",
    "scalar",
    "tensor",
    "functional",
    "nn",
    "optim",
    "schedules",
    "train",
    "device",
    "finetune",
)  # modules that chapters derive; the rest need not be looked at
PLANNED = {  # {module: {name: number of the chapter that will derive it}}; empty when the course is complete
    "functional": {
        "batch_norm": 11, "pad": 16, "conv2d": 16, "max_pool2d": 16, "avg_pool2d": 16,
        "scaled_dot_product_attention": 17,
    },
    "nn": {
        "BatchNorm1d": 11, "BatchNorm2d": 11, "Conv2d": 16, "MaxPool2d": 16, "AvgPool2d": 16, "RNNCell": 16,
        "LSTMCell": 16, "MultiheadAttention": 17,
    },
}  # fmt: skip
HEADINGS = [
    "Ready?", "What the source articles say", "Summary", "Check yourself", "Exercises", "Further reading",
]  # fmt: skip
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=name)
every_run = pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS, ids=name)


def derived():
    """{(module, definition): stem of the chapter whose cell derives it}."""
    found = {}
    for path in CHAPTERS:
        for cell in cells(path, "code"):
            if module := package_module(cell):
                for definition in definitions(cell.source):
                    found.setdefault((module, definition), path.stem)
    return found


@every_chapter
def test_a_cell_marked_with_a_module_equals_the_package(path):
    for cell in cells(path, "code"):
        if module := package_module(cell):
            source = (ROOT / "gdcourse" / f"{module}.py").read_text(encoding="utf8")
            package = definitions(source)
            for line in other_statements(cell.source):
                assert line in other_statements(source), f"gdcourse/{module}.py has no {line}"
            for definition, node in definitions(cell.source).items():
                assert definition in package, f"gdcourse/{module}.py has no {definition}"
                same = ast.dump(node) == ast.dump(package[definition])
                assert same, f"{definition} in {path.name} differs from gdcourse/{module}.py"


def test_every_public_definition_is_derived_in_a_chapter():
    have = derived()
    for module in TAUGHT:
        public = definitions((ROOT / "gdcourse" / f"{module}.py").read_text(encoding="utf8"))
        for definition in public:
            known = (module, definition) in have or definition in PLANNED.get(module, {})
            assert definition.startswith("_") or known, f"no chapter derives {module}.{definition}"


def test_the_planned_names_exist_and_wait_for_a_chapter_that_is_not_written():
    have, written = derived(), {int(path.stem[:2]) for path in CHAPTERS}
    for module, names in PLANNED.items():
        public = definitions((ROOT / "gdcourse" / f"{module}.py").read_text(encoding="utf8"))
        for definition, chapter in names.items():
            assert definition in public and (module, definition) not in have and chapter not in written


@pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS, ids=name)
def test_no_notebook_uses_a_name_before_it_is_derived(path):
    have = derived()
    for cell in cells(path, "code"):
        for module, imported in imported_names(cell.source):
            if module in TAUGHT:
                where = have.get((module, imported), "no chapter")
                assert where <= path.stem, f"{path.name} imports {module}.{imported}, derived in {where}"


@pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS + LEARNER, ids=name)
def test_a_notebook_is_in_normal_form(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    keep = [
        "--keep-output",
        "--keep-count",
        "--keep-id",
        "--extra-keys",
        "metadata.language_info metadata.widgets",
    ]
    subprocess.run([sys.executable, "-m", "nbstripout", *keep, str(copy)], check=True)
    assert copy.read_bytes() == path.read_bytes(), f"run `make run NB={name(path)}`"
    assert all("execution" not in cell.metadata for cell in cells(path))


@every_run
def test_a_notebook_ran_once_in_order_without_an_error(path):
    code = [cell for cell in cells(path, "code") if cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert all(output.output_type != "error" for output in cell.outputs), cell.id


@every_run
def test_the_output_of_a_cell_is_at_most_100_kilobytes(path):
    for cell in cells(path, "code"):
        assert len(str(cell.outputs)) <= 100_000, cell.id


@every_chapter
def test_code_cells_are_short(path):
    for cell in cells(path, "code"):
        if package_module(cell) is None:
            assert len(cell.source.splitlines()) <= 15, cell.id


@every_run
def test_every_picture_has_a_text_that_says_what_is_seen(path):
    for cell in cells(path, "code"):
        for output in cell.outputs:
            for mime in set(output.get("data", {})) & {"image/png", "image/gif", "image/jpeg"}:
                alt = output["metadata"].get(mime, {}).get("alt", "")
                assert len(alt.split()) >= 8, f"{cell.id}: alt text {alt!r}"


@every_chapter
def test_a_chapter_has_the_parts_that_every_chapter_has(path):
    text = [cell.source for cell in cells(path, "markdown")]
    assert re.match(r"# [A-Z]", text[0])
    assert sum(len(re.findall(r"^# ", source, re.M)) for source in text) == 1
    headings = re.findall(r"^## (.*)$", "\n".join(text), re.M)
    assert [h for h in headings if h in HEADINGS] == HEADINGS
    assert len(set(headings)) == len(headings)
    for keyword in ("You will build", "You will learn", "You need"):
        assert keyword in text[0]


@pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS + LEARNER, ids=name)
def test_text_is_plain_markdown_that_every_notebook_viewer_shows(path):
    for cell in cells(path, "markdown"):
        assert not re.search(r"^:::|^```\{|\{(ref|numref|cite|doc|download|eq)[^}]*\}`", cell.source, re.M), (
            cell.id
        )
        assert cell.source.count("<details>") == len(re.findall(r"^</details>$", cell.source, re.M)), cell.id


@pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS + LEARNER, ids=name)
def test_a_displayed_formula_stands_between_blank_lines(path):
    for cell in cells(path, "markdown"):
        text = re.sub(r"^[> ]+", "", cell.source, flags=re.M)
        for formula in re.finditer(r"\$\$.*?\$\$", text, re.S):
            before, after = text[: formula.start()], text[formula.end() :]
            assert re.search(r"(^|\n\n)$", before) and re.match(r"\s*(\n\n|$)", after), (
                f"{cell.id}: {formula[0][:60]}"
            )


# Numbers in prose come from a cell nearby.

NUMBER = re.compile(
    r"(?<![\w.\\])(?:(?P<digits>\d+(?:,\d{3})*(?:\.\d+)?)"
    r"(?:e(?P<e>[+-]?\d+)|\s*(?:\\times|\\cdot)\s*10\^\{?(?P<times>[+-]?\d+)\}?)?)(?!\d*\^)|(?<![\w.\\])10\^\{?(?P<power>[+-]?\d+)\}?"
)
WHOLE = [
    "Ready?",
    "What the source articles say",
    "Summary",
    "Check yourself",
    "In PyTorch",
    "What we did not build",
]


def prose(source):
    """The text of a Markdown cell without code, links and article names."""
    source = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|<[^>]+>", " ", source, flags=re.S)
    source = source.replace("{,}", ",")
    return re.sub(r"\barticles? 00\d((, | and | or )00\d)*", " ", source)


def numbers(text):
    """[(value, decimals, kind)] of the numbers in ``text``; kind is "power", "percent" or ""."""
    found = []
    for match in NUMBER.finditer(text):
        if match["power"]:
            found.append((10.0 ** int(match["power"]), -int(match["power"]), "power"))
            continue
        digits, power = match["digits"].replace(",", ""), int(match["e"] or match["times"] or 0)
        percent = "percent" if re.match(r"\s*\\?%", text[match.end() :]) else ""
        found.append((float(digits) * 10.0**power, len(digits.partition(".")[2]) - power, percent))
    return found


def numbers_of_cell(cell):
    """Every number that a code cell prints or that stands in its code."""
    pool = set()
    for token in tokenize.generate_tokens(StringIO(cell.source).readline):
        if token.type == tokenize.NUMBER and not token.string.endswith("j"):
            pool.add(abs(float(ast.literal_eval(token.string))))
    for output in cell.outputs:
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        pool |= {value for value, _, _ in numbers(re.sub(r"(?<=\d)(?=j\b)", " ", text))}
    return pool


def is_small(value, decimals, kind):
    return not kind and decimals <= 0 and value < 10


def comes_from(value, decimals, kind, pool):
    if kind == "power":  # of the right order of magnitude
        return any(n > 0 and 0.5 * value <= n < 10 * value for n in pool)
    half = 0.5000001 * 10.0**-decimals
    return any(abs(n - value) <= half or (kind and abs(100 * n - value) <= half) for n in pool)


def sections(path):
    """[(heading, cells)]: the notebook cut at its second-level headings."""
    found = [("", [])]
    for cell in cells(path):
        heading = re.search(r"^## (.*)$", cell.source, re.M) if cell.cell_type == "markdown" else None
        if heading:
            found.append((heading[1], []))
        found[-1][1].append(cell)
    return found


@every_chapter
def test_every_number_in_prose_comes_from_a_cell_nearby(path):
    parts = sections(path)
    pools = [set().union(*(numbers_of_cell(c) for c in part if c.cell_type == "code")) for _, part in parts]
    for k, (heading, part) in enumerate(parts):
        near = pools if heading in ["", *WHOLE] else pools[max(k - 1, 0) : k + 2]
        pool = set().union(*near)
        for cell in part:
            if cell.cell_type == "code" or cell.source.startswith("## Further reading"):
                continue
            for value, decimals, kind in numbers(prose(cell.source)):
                good = is_small(value, decimals, kind) or comes_from(value, decimals, kind, pool)
                assert good, f"{cell.id}: {value:g} is neither printed by a cell nearby nor in its code"


def test_the_number_test_finds_a_number_that_no_cell_has():
    pool = {0.6, 2.0, 0.169048, 35.0, 1797.0, 5e-8, 1.21e28}
    assert comes_from(*numbers("0.169")[0], pool)
    assert comes_from(*numbers("1,797")[0], pool)
    assert comes_from(*numbers(r"5 \times 10^{-8}")[0], pool)
    assert comes_from(*numbers("60 %")[0], pool)
    assert comes_from(*numbers("$10^{28}$")[0], pool)
    assert not comes_from(*numbers("0.168")[0], pool)
    assert not comes_from(*numbers("36")[0], pool)
    assert not comes_from(*numbers("$10^{38}$")[0], pool)
