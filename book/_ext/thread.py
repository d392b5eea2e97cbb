"""The picture of the home page: where the thread of the course goes, drawn from its table of contents."""

import json
from html import escape
from pathlib import Path

import yaml

# The whole course: six stations, each with its chapters. A chapter that the table of contents has is
# linked under the title its notebook gives; the others are shown as still to come.
STATIONS = [
    ("A line through five points", {
        "01_least_squares": "Fit a line",
        "02_derivatives": "Measure a slope",
        "03_gradient_descent": "Walk downhill",
        "04_convergence": "Say how fast",
        "05_stochastic": "Use noise",
        "06_optimizers": "Go faster",
        "07_landscapes": "When the bowl is not a bowl",
    }),
    ("The chain rule", {
        "08_classification": "Choose a class",
        "09_chain_rule": "Follow a graph",
    }),
    ("Back-propagation", {
        "10_backprop": "Train a net by hand",
        "11_trusting_gradients": "Trust a gradient",
        "12_generalisation": "Fit less, know more",
    }),
    ("An autograd of your own", {
        "13_scalar_autograd": "Build Value",
        "14_tensor_autograd": "Build Tensor",
        "15_modules": "Modules and a training loop",
        "16_conv_recurrent": "Images and sequences",
    }),
    ("Language models", {
        "17_counts_to_attention": "From counts to attention",
        "18_gpt": "Build and train a GPT",
        "19_bert": "Fill in masked words",
    }),
    ("A transformer on a GPU", {
        "20_pytorch": "The same gradients in PyTorch",
        "21_one_gpu": "Use one GPU well",
        "22_finetuning": "Fine-tune an encoder",
        "23_many_workers": "Many workers",
        "24_tuning": "Tune and compare fairly",
        "25_beyond_one_loss": "Beyond one loss",
        "26_trust": "Explain and protect",
        "27_gallery": "Descent in the wild",
        "28_deploy": "Ship it",
    }),
]  # fmt: skip
RULE = "θ ← θ − lr · grad L(θ)"
KEY = "Blue line: written. Dotted: to come."
LINE = 24  # height of a line of text


def toc_notebooks(node):
    """Names of the chapters in a table of contents, in order."""
    if isinstance(node, dict):
        if str(node.get("file", "")).startswith("notebooks/"):
            yield Path(node["file"]).stem
        for child in node.values():
            yield from toc_notebooks(child)
    elif isinstance(node, list):
        for child in node:
            yield from toc_notebooks(child)


def title_of(path):
    """The first heading of a notebook."""
    first = json.loads(path.read_text(encoding="utf8"))["cells"][0]["source"]
    return "".join(first).partition("\n")[0].removeprefix("# ").strip()


def stations(written):
    """[(name, [(title, docname or None), ...]), ...]; ``written`` maps a chapter's name to its title.

    Raises ValueError when a written chapter belongs to no station.
    """
    planned = {stem for _, chapters in STATIONS for stem in chapters}
    if strays := set(written) - planned:
        raise ValueError(f"{sorted(strays)} in the table of contents; add to STATIONS in book/_ext/thread.py")
    return [
        (name, [(written.get(stem, title), f"notebooks/{stem}" if stem in written else None)
                for stem, title in chapters.items()])
        for name, chapters in STATIONS
    ]  # fmt: skip


# Six sketches, each in a box of 84 x 56 with its middle at (0, 0).


def sketch_line():
    """Five points on y = x + 1, a line that does not fit yet, and its residuals."""
    xs = [-32, -16, 0, 16, 32]
    points = [(x, -0.7 * x) for x in xs]
    gaps = "".join(f'<path class="hot" d="M{x} {y:.1f}V{-0.2 * x - 3:.1f}"/>' for x, y in points)
    dots = "".join(f'<circle class="dot" cx="{x}" cy="{y:.1f}" r="3.6"/>' for x, y in points)
    return f'<path d="M-42 5.4L42-11.4"/>{gaps}{dots}'


def sketch_chain():
    """Three links, forward above and backward below."""
    rings = "".join(f'<circle cx="{x}" cy="-4" r="9"/>' for x in (-30, 0, 30))
    ahead = '<path d="M-21-4H-10M9-4H20M-14-8l4 4-4 4M16-8l4 4-4 4"/>'
    back = "".join(f'<path class="hot" d="M{x} 9q-15 14-29 1m0 6v-6h6"/>' for x in (0, 30))
    return rings + ahead + back


def sketch_net():
    """A small net with the way of one gradient back through it."""
    layers = [
        [(-32, y) for y in (-20, 0, 20)],
        [(0, y) for y in (-24, -8, 8, 24)],
        [(32, y) for y in (-10, 10)],
    ]
    wires = [(p, q) for one, two in zip(layers, layers[1:]) for p in one for q in two]
    hot = [((-32, 0), (0, -8)), ((0, -8), (32, 10)), ((-32, 20), (0, -8))]
    lines = "".join(f'<path d="M{p[0]} {p[1]}L{q[0]} {q[1]}"/>' for p, q in wires if (p, q) not in hot)
    lines += "".join(f'<path class="hot" d="M{p[0]} {p[1]}L{q[0]} {q[1]}"/>' for p, q in hot)
    return lines + "".join(
        f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>' for layer in layers for x, y in layer
    )


def sketch_graph():
    """The diamond: one value used twice, whose two gradients add."""
    places = [(-34, 0), (0, -17), (0, 17), (34, 0)]
    boxes = "".join(f'<rect x="{x - 8}" y="{y - 7}" width="16" height="14" rx="3"/>' for x, y in places)
    ahead = '<path d="M26-3L9-15M26 3L9 15"/>'
    back = '<path class="hot" d="M-9-15L-25-4M-9 15L-25 4M-19-3h-6v-6M-19 3h-6v6"/>'
    return boxes + ahead + back


def sketch_words():
    """Four words; the last one looks back at the others."""
    boxes = "".join(f'<rect x="{x}" y="8" width="15" height="13" rx="3"/>' for x in (-40, -20, 0))
    last = '<rect class="hot" x="20" y="8" width="15" height="13" rx="3"/>'
    reach = [(-32.5, -38), (-12.5, -22), (7.5, -8)]
    arcs = "".join(f'<path class="hot" d="M27.5 6C27.5 {top} {x} {top} {x} 6"/>' for x, top in reach)
    return boxes + last + arcs


def sketch_chip():
    """A chip, and in it a stack of layers of which one is trained."""
    pins = "".join(f'<path d="M{x}-26V-20M{x} 26V20M-26 {x}H-20M26 {x}H20"/>' for x in (-12, 0, 12))
    blocks = "".join(f'<rect x="-12" y="{y}" width="24" height="6" rx="1.5"/>' for y in (-12, -3))
    trained = '<rect class="hot" x="-12" y="6" width="24" height="6" rx="1.5"/>'
    return f'{pins}<rect x="-20" y="-20" width="40" height="40" rx="4"/>{blocks}{trained}'


SKETCHES = [sketch_line, sketch_chain, sketch_net, sketch_graph, sketch_words, sketch_chip]


def text(x, y, words, kind="", size=14.5):
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}" font-size="{size}"{name}>{escape(words)}</text>'


def station(x, y, k, name, chapters, uri, indent):
    """Stop, sketch, name and chapters of station ``k``, its stop at (x, y), its text ``indent`` to the right."""
    todo = all(docname is None for _, docname in chapters)
    parts = [f'<circle class="{"stop-todo" if todo else "stop"}" cx="{x}" cy="{y}" r="8"/>']
    parts += [f'<g class="sketch" transform="translate({x + 62} {y - 46})">{SKETCHES[k]()}</g>']
    parts += [text(x + indent, y + 34, name, "name", 16.5)]
    for n, (title, docname) in enumerate(chapters):
        at = y + 36 + LINE * (n + 1)
        if docname:
            parts.append(f'<a href="{escape(uri(docname))}">{text(x + indent, at, title)}</a>')
        else:
            parts.append(text(x + indent, at, title, "small"))
    return "\n".join(parts)


def frame(kind, width, height, body, plan):
    """The picture with its title and description, which are its text for those who cannot see it."""
    names = ", ".join(name[0].lower() + name[1:] for name, _ in plan)
    about = (
        f"One rule, {RULE}, as a thread through six stations: {names}. Under each are its chapters: "
        "those written are links, and the thread is dotted where chapters are to come."
    )
    ids = [f"thread-{kind}-{part}" for part in ("title", "desc")]
    return (
        f'<svg class="thread-{kind}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-labelledby="{ids[0]}" aria-describedby="{ids[1]}">\n'
        f'<title id="{ids[0]}">Where the thread goes</title>\n<desc id="{ids[1]}">{escape(about)}</desc>\n'
        f"{body}\n</svg>"
    )


def legs(paths, plan):
    """The thread between stations: solid as far as chapters are written, dotted from there."""
    written = [any(docname for _, docname in chapters) for _, chapters in plan]
    kinds = ["line" if all(written[: k + 1]) else "line-todo" for k in range(len(paths))]
    return "".join(f'<path class="{kind}" d="{d}"/>' for kind, d in zip(kinds, paths))


def wide(plan, uri):
    """Two rows of three stations, for pages of 600 pixels and more."""
    left, step, top = 14, 242, 132
    rows = [max(len(chapters) for _, chapters in plan[row : row + 3]) for row in (0, 3)]
    second = top + 36 + LINE * rows[0] + 130
    stops = [(left + step * (k % 3), top if k < 3 else second) for k in range(6)]
    right, turn = left + 2 * step + 205, second - 92
    paths = [f"M{left} 34V{top}"]
    paths += [f"M{a} {y}H{b}" for (a, y), (b, _) in [stops[:2], stops[1:3]]]
    turn_back = f"q20 0 20 20V{turn - 20}q0 20-20 20H{left + 20}q-20 0-20 20V{second}"
    paths += [f"M{stops[2][0]} {top}H{right - 20}{turn_back}"]
    paths += [f"M{a} {y}H{b}" for (a, y), (b, _) in [stops[3:5], stops[4:6]]]
    body = legs(paths, plan) + text(left - 8, 20, RULE, "rule", 19)
    body += text(left + 2 * step - 8, 20, KEY, "small", 13)
    body += "\n".join(station(x, y, k, *plan[k], uri, -8) for k, (x, y) in enumerate(stops))
    return frame("wide", 722, second + 44 + LINE * rows[1], body, plan)


def tall(plan, uri):
    """One column, for phones."""
    x, y, stops = 14, 142, []
    for _, chapters in plan:
        stops.append(y)
        y += 36 + LINE * len(chapters) + 112
    paths = [f"M{x} 34V{stops[0]}"] + [f"M{x} {a}V{b}" for a, b in zip(stops, stops[1:])]
    body = legs(paths, plan) + text(x - 8, 20, RULE, "rule", 19) + text(x + 24, 46, KEY, "small", 13)
    body += "\n".join(station(x, at, k, *plan[k], uri, 24) for k, at in enumerate(stops))
    return frame("tall", 300, y - 104, body, plan)


def draw(written, uri):
    """The picture as HTML. ``uri`` gives the address of a docname."""
    plan = stations(written)
    pictures = "\n".join([wide(plan, uri), tall(plan, uri)])
    return f'<div class="thread">\n{pictures}\n</div>'


def read_source(app, docname, content):
    if "<!-- thread -->" not in content[0]:
        return
    toc = Path(app.srcdir) / app.config.external_toc_path
    stems = dict.fromkeys(toc_notebooks(yaml.safe_load(toc.read_text(encoding="utf8"))))
    paths = {stem: Path(app.srcdir) / "notebooks" / f"{stem}.ipynb" for stem in stems}
    for path in [toc, *paths.values()]:
        app.env.note_dependency(str(path))
    written = {stem: title_of(path) for stem, path in paths.items()}

    def uri(target):
        return app.builder.get_relative_uri(docname, target)

    content[0] = content[0].replace("<!-- thread -->", draw(written, uri))


def setup(app):
    app.connect("source-read", read_source)
    return {"version": "1", "parallel_read_safe": True}
