"""What this book adds to Sphinx: text for pictures, folded answers, page heads, generated tables."""

import csv
import json
import re
from pathlib import Path

import yaml
from docutils import nodes

ROOT = Path(__file__).parents[2]
CODE_MINUTES, FIGURE_MINUTES, WORDS_A_MINUTE = 1.5, 1.0, 130
BOXES = {
    "Claim": "claim",
    "Predict": "predict",
    "Break it": "break",
    "In PyTorch": "pytorch",
    "Exercise": "exercise",
}
FOLDED_FIGURE = {"code_prompt_show": "Show the code of the figure", "code_prompt_hide": "Hide the code"}


def fold(text):
    """Folded HTML blocks, which every notebook viewer shows, as dropdowns, in which MyST sets mathematics."""
    block = re.compile(r"<details>\s*<summary>(.*?)</summary>\n(.*?)</details>", re.S)
    return block.sub(lambda m: f":::::{{dropdown}} {m[1].strip()}\n{m[2].strip()}\n:::::", text)


def source(cell):
    return "".join(cell["source"])


def picture(outputs):
    """The metadata of the picture in a cell's outputs, or None."""
    for output in outputs:
        for mime in ("image/png", "image/gif"):
            if mime in output.get("data", {}):
                return output["metadata"][mime]
    return None


def reading_minutes(cells):
    """Minutes to read a chapter with care: its words, its code cells, its figures; to the nearest five."""
    words = sum(len(source(c).split()) for c in cells if c["cell_type"] == "markdown")
    code = [c for c in cells if c["cell_type"] == "code"]
    figures = sum(picture(c["outputs"]) is not None for c in code)
    minutes = words / WORDS_A_MINUTE + CODE_MINUTES * len(code) + FIGURE_MINUTES * figures
    return 5 * round(minutes / 5)


def page_head(docname, cells):
    """The line under a notebook's title: minutes, exercises and download, or points and the way back."""
    folder, stem = docname.split("/")
    live = "[Run it live](../book/start.md#run-a-chapter-without-installing-anything)"
    if folder == "notebooks":
        return (
            f"About {reading_minutes(cells)} minutes · [Exercises](../exercises/{stem}.ipynb) · "
            f"{{download}}`Download this notebook <{stem}.ipynb>` · {live}"
        )
    points = sum(c["metadata"].get("nbgrader", {}).get("points", 0) for c in cells)
    return (
        f"{points} points · [Back to the chapter](../notebooks/{stem}.ipynb) · "
        f"{{download}}`Download this notebook <{stem}.ipynb>` · {live}"
    )


def solution_text(cell):
    name = cell["metadata"]["nbgrader"]["grade_id"]
    code = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", source(cell))
    return f":::::{{dropdown}} Solution: `{name}`\n```python\n{code.rstrip()}\n```\n:::::"


def with_solutions(cells, docname):
    """After each answer cell of a learner's notebook, its solution, folded."""
    path = ROOT / "exercises" / "solutions" / (docname.split("/")[1] + ".ipynb")
    solved = {c["id"]: c for c in json.loads(path.read_text(encoding="utf8"))["cells"]}
    for cell in cells:
        yield cell
        kind = cell["metadata"].get("nbgrader", {})
        if kind.get("grade"):
            text = solution_text(solved[cell["id"].removeprefix("check_")])
            yield {"cell_type": "markdown", "id": f"solution-{cell['id']}", "metadata": {}, "source": text}


def prepare_notebook(docname, text):
    book = json.loads(text)
    cells = book["cells"]
    head = page_head(docname, cells)
    if docname.startswith("exercises/"):
        cells = list(with_solutions(cells, docname))
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = fold(source(cell))
        elif found := picture(cell["outputs"]):
            image = {"alt": found["alt"]} | ({"width": f"{found['width']}px"} if "width" in found else {})
            cell["metadata"]["mystnb"] = {"image": image, **FOLDED_FIGURE}
            cell["metadata"].setdefault("tags", []).append("hide-input")
        elif "hide-input" in cell["metadata"].get("tags", []):
            file = source(cell).partition("\n")[0].removeprefix("# ")
            what = f"this part of {file}" if file.startswith("gdcourse/") else "the code"
            cell["metadata"]["mystnb"] = {**FOLDED_FIGURE, "code_prompt_show": f"Show {what}"}
    title, _, rest = cells[0]["source"].partition("\n")
    cells[0]["source"] = f"{title}\n\n:::{{div}} page-head\n{head}\n:::\n\n{rest}"
    book["cells"] = cells
    return json.dumps(book)


# Tables of the reference pages.


def rows_of_sources():
    return yaml.safe_load((ROOT / "book" / "sources.yml").read_text(encoding="utf8"))


def link(at):
    """A Markdown link to ``page#heading``: the page's title and, where it says more, the heading."""
    page, _, anchor = at.partition("#")
    if page.startswith("book/"):
        path, title = ROOT / f"{page}.md", (ROOT / f"{page}.md").read_text(encoding="utf8").partition("\n")[0]
    else:
        path = ROOT / f"{page}.ipynb"
        title = source(json.loads(path.read_text(encoding="utf8"))["cells"][0]).partition("\n")[0]
    words = [title.removeprefix("# ")]
    if anchor != "what-the-source-articles-say":
        words.append(anchor.replace("-", " "))
    return f"[{': '.join(words)}](../{page}{path.suffix}#{anchor})"


def coverage_table():
    lines = ["| Row | What the articles cover | Where the course has it |", "| --- | --- | --- |"]
    for key, row in rows_of_sources().items():
        if key.startswith("C"):
            where = link(row["at"]) if "at" in row else "planned"
            lines.append(f"| {key} | {row['title']} | {where} |")
    return "\n".join(lines)


def errata_table():
    lines = ["| Row | In the articles | Right | Shown in |", "| --- | --- | --- | --- |"]
    for key, row in rows_of_sources().items():
        if key.startswith("E") and "at" in row:
            lines.append(f"| {key} | {row['wrong']} | {row['right']} | {link(row['at'])} |")
    return "\n".join(lines)


def rows_of(name):
    with open(ROOT / "book" / name, encoding="utf8") as file:
        return list(csv.DictReader(file))


def status_table():
    lines = ["| Notebook | Code cells | Seconds |", "| --- | ---: | ---: |"]
    for row in rows_of("status.csv"):
        lines.append(f"| `{row['notebook']}` | {row['cells']} | {row['seconds']} |")
    return "\n".join(lines)


def bench_table():
    lines = [
        "| Benchmark | Threads | Contender | Median | Ratio | Goal |",
        "| --- | ---: | --- | ---: | ---: | --- |",
    ]
    for row in rows_of("bench.csv"):
        if not re.search(r"nodes$|^trick", row["benchmark"]):  # in the figure, and in a table of their own
            rest = f"{row['contender']} | {row['median']} {row['unit']} | {row['ratio']} | {row['goal']} |"
            lines.append(f"| {row['benchmark']} | {row['threads']} | {rest}")
    machine = (ROOT / "book" / "bench.txt").read_text(encoding="utf8").strip()
    return "\n".join([*lines, "", f"Measured on: {machine}."])


def tricks_table():
    lines = ["| Trick | Step by step | With the trick | Ratio |", "| --- | ---: | ---: | ---: |"]
    medians = {(row["benchmark"], row["contender"]): row for row in rows_of("bench.csv")}
    for (benchmark, contender), row in medians.items():
        if contender == "trick":
            plain = medians[benchmark, "plain"]["median"]
            name = benchmark.removeprefix("trick: ")
            lines.append(f"| {name} | {plain} ms | {row['median']} ms | {row['ratio']} |")
    return "\n".join(lines)


def attacks_table():
    table = (ROOT / "book" / "attacks.txt").read_text(encoding="utf8")
    return f":::{{dropdown}} All {table.count(chr(10)) - 2} submissions\n{table}:::"


def throughput_table():
    lines = [
        "| Grader | CPU seconds a submission | Ratio to ours | A core in an hour |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in rows_of("throughput.csv"):
        an_hour = round(3600 / float(row["seconds"]), -2)
        lines.append(f"| {row['grader']} | {row['seconds']} | {row['ratio']} | {an_hour:,.0f} |")
    return "\n".join(lines)


TABLES = {
    "attacks": attacks_table,
    "throughput": throughput_table,
    "bench": bench_table,
    "tricks": tricks_table,
    "coverage": coverage_table,
    "errata": errata_table,
    "status": status_table,
}


def read_source(app, docname, content):
    if docname.startswith(("notebooks/", "exercises/")):
        content[0] = prepare_notebook(docname, content[0])
    else:
        text = content[0].replace("REPOSITORY_URL", app.config.html_theme_options["repository_url"])
        content[0] = re.sub(r"<!-- table: (\w+) -->", lambda m: TABLES[m[1]](), text)


def colour_boxes(app, doctree, docname):
    """A block quote that opens with a bold keyword becomes a box of that kind."""
    for quote in doctree.findall(nodes.block_quote):
        first = next(iter(quote.findall(nodes.strong)), None)
        if first is not None:
            for word, kind in BOXES.items():
                if first.astext().startswith(word):
                    quote["classes"] += ["box", f"box-{kind}"]


def prune(app, error):
    """Of the mathematics fonts and scripts keep what a page asks for: 1.5 of 24 megabytes."""
    folder = Path(app.outdir) / "_static" / "mathjax"
    if error or app.builder.format != "html" or not folder.is_dir():
        return
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "tex-chtml.js" and not name.startswith("output/chtml/fonts/woff-v2/"):
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for path in Path(app.outdir).rglob("*.map"):
        path.unlink()


def setup(app):
    app.setup_extension("thread")
    app.connect("source-read", read_source)
    app.connect("doctree-resolved", colour_boxes)
    app.connect("build-finished", prune, priority=900)
    return {"version": "1", "parallel_read_safe": True}
