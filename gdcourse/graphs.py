"""Pictures of computation graphs and of layers, still and step by step; a chapter only calls them."""

from html import escape
from types import SimpleNamespace

import numpy as np
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from gdcourse.layout import FONT, LABEL, LINE, columns, layout, num, outline, triples_of
from gdcourse.plot import BLUE, INK, PAPER, SKY, widget

MUTED, GRAD, INPUT = "#8492a3", "#a84300", "#e4f1f9"


def _tip(end, before, size=9):
    """The three corners of the tip of an arrow that comes from ``before`` and ends at ``end``."""
    d = size * (end - before) / np.hypot(*(end - before))
    across = 0.45 * np.array([-d[1], d[0]])
    return np.array([end, end - d + across, end - d - across])


def _write(ax, words, x, y, colour, size=FONT, weight="normal"):
    """Text as an outline, so that it keeps its size against the boxes whatever the figure's size."""
    if words.strip():
        shape = outline(words, size, weight)
        low, high = shape.get_extents().intervalx
        place = Affine2D().scale(1, -1).translate(x - (low + high) / 2, y + 0.36 * size)
        ax.add_patch(PathPatch(shape.transformed(place), facecolor=colour, linewidth=0, zorder=4, snap=False))


def draw(ax, edges, text=None):
    """Draw a computation graph on ``ax``, inputs left, output right; its axes are switched off.

    ``edges`` holds, parents first, each node's list of (parent, local slope); a slope is written at
    its arrow, None is not. ``text`` holds further lines for the box of a node. Raises ValueError for
    an empty graph, a parent that is not listed before its child, and text for an unknown node.

    >>> from gdcourse.plot import figure, plt
    >>> fig, ax = figure(height=1)
    >>> draw(ax, {"a": [], "b": [("a", 1.0), ("a", 1.0)]}, {"a": "1", "b": "2\\ngrad 1"})
    >>> plt.close(fig)
    """
    plan = layout(edges, text)
    for route in plan.routes:
        codes = [Path.MOVETO] + [Path.CURVE4] * (len(route.points) - 1)
        ax.add_patch(PathPatch(Path(route.points, codes), facecolor="none", edgecolor=INK, linewidth=1.1))
        ax.add_patch(Polygon(_tip(route.points[-1], route.points[-2]), facecolor=INK, linewidth=0))
        if route.label:
            ax.add_patch(
                Rectangle(route.at - route.half, *(2 * route.half), facecolor=PAPER, linewidth=0, zorder=3)
            )
            _write(ax, route.label, *route.at, BLUE, LABEL)
    for name, (x, y, w, h) in plan.boxes.items():
        ax.add_patch(FancyBboxPatch((x - w / 2, y - h / 2), w, h, boxstyle="round,pad=0,rounding_size=7",
                                    facecolor="white" if edges[name] else INPUT, edgecolor=INK,
                                    linewidth=1.2, zorder=3))  # fmt: skip
        _write(ax, name, x, y - h / 2 + 15, INK, weight="bold")
        for k, words in enumerate(plan.lines[name], start=1):
            _write(ax, words, x, y - h / 2 + 15 + LINE * k, GRAD if words.startswith("grad") else INK)
    middle = np.array([plan.width, plan.height]) / 2
    size = ax.get_position().size * ax.figure.get_size_inches() * 100
    (x0, y0), (x1, y1) = (middle + side * np.maximum(middle, size / 2) for side in (-1, 1))  # not blown up
    ax.set(xlim=(x0, x1), ylim=(y1, y0), aspect="equal")
    ax.set_axis_off()


def network(ax, sizes, labels=None):
    """Draw layers of ``sizes`` units as columns of circles on ``ax``, each joined to the next layer.

    Of more than eight units seven are drawn, with dots between. ``labels`` holds one string a layer,
    written under it. Raises ValueError for no layer, an empty layer, or a missing label.

    >>> from gdcourse.plot import figure, plt
    >>> fig, ax = figure()
    >>> network(ax, (2, 4, 1), ["input", "hidden", "output"])
    >>> plt.close(fig)
    """
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes {tuple(sizes)}: give each layer at least one unit, as in (2, 4, 1)")
    if labels is not None and len(labels) != len(sizes):
        raise ValueError(f"{len(labels)} labels for {len(sizes)} layers: give one for each layer")
    places = [(min(n, 8) - 1) / 2 - np.arange(min(n, 8)) for n in sizes]
    units = [np.delete(y, 4) if n > 8 else y for y, n in zip(places, sizes)]
    low = min(y[-1] for y in places)
    for k, (y, n) in enumerate(zip(units, sizes)):
        if k + 1 < len(sizes):
            ends = [np.repeat(y, len(units[k + 1])), np.tile(units[k + 1], len(y))]
            ax.plot(np.transpose([[k, k + 1]] * len(ends[0])), ends, color=MUTED, linewidth=0.7, zorder=1)
        fill = INPUT if k == 0 else "white" if k == len(sizes) - 1 else SKY
        ax.scatter(np.full(len(y), k), y, s=200, color=fill, edgecolor=INK, linewidth=1.2, zorder=2)
        if n > 8:
            ax.text(k, places[k][4], "⋮", ha="center", va="center", fontsize=14)
        if labels is not None:
            ax.annotate(labels[k], (k, low), (0, -14), textcoords="offset points", ha="center", va="top")
    ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(low - 0.5, 0.5 - low))
    ax.set_axis_off()


def _factor(x):
    return f"({num(x)})" if x < 0 else num(x)


def steps(edges, values, formulas=None):
    """The forward and the backward pass as a list of steps: ``sentence``, ``node``, ``edge``, ``values``, ``grads``.

    The output is the last node. Raises ValueError for a node without value or an edge without slope.

    >>> edges = {"a": [], "b": [("a", 1.0), ("a", 1.0)]}
    >>> for step in steps(edges, {"a": 1.0, "b": 2.0}, {"b": "a + a"}):
    ...     print(step.sentence)
    Start: no value is known yet. Numbers are shown to four digits.
    Forward: a = 1, an input.
    Forward: b = a + a = 2.
    Backward: the gradient of b in itself is 1. Each edge now hands slope × gradient to its parent.
    From b to a: a gets 1 × 1 = 1 through this edge: 0 + 1 = 1.
    From b to a: a gets 1 × 1 = 1 through this edge: 1 + 1 = 2. That was the last edge out of a: its gradient is complete.
    Done: db/da = 2.
    """
    columns(edges)
    triples, known, grad, out = triples_of(edges), {}, {}, []
    for name in [*values, *(formulas or {})]:
        if name not in edges:
            raise ValueError(f"{name!r} is no node; the nodes are: {', '.join(edges)}")
    for name in edges:
        if name not in values:
            raise ValueError(f"no value for the node {name!r}: the forward pass shows one for each node")
    for parent, slope, child in triples:
        if slope is None:
            raise ValueError(f"no slope from {parent!r} to {child!r}: the backward pass multiplies by it")

    def note(sentence, node=None, edge=None):
        step = SimpleNamespace(sentence=sentence, node=node, edge=edge, values=dict(known), grads=dict(grad))
        out.append(step)

    note("Start: no value is known yet. Numbers are shown to four digits.")
    for name in edges:
        known[name] = values[name]
        formula = (formulas or {}).get(name, name)
        how = f" = {formula}" if formula != name else ""
        note(f"Forward: {name}{how} = {num(values[name])}{'' if edges[name] else ', an input'}.", name)
    grad = dict.fromkeys(edges, 0.0) | {name: 1.0}
    note(
        f"Backward: the gradient of {name} in itself is 1. Each edge now hands slope × gradient to its parent.",
        name,
    )
    left = [parent for parent, _, _ in triples]
    for i, (parent, slope, child) in sorted(enumerate(triples), key=lambda e: -list(edges).index(e[1][2])):
        share, before = slope * grad[child], grad[parent]
        grad[parent] = before + share
        left.remove(parent)
        end = "" if parent in left else f" That was the last edge out of {parent}: its gradient is complete."
        product = f"{num(slope)} × {_factor(grad[child])} = {num(share)}"
        total = f"{num(before)} + {_factor(share)} = {num(grad[parent])}"
        note(f"From {child} to {parent}: {parent} gets {product} through this edge: {total}.{end}", parent, i)
    note("Done: " + ", ".join(f"d{name}/d{n} = {num(grad[n])}" for n in edges if not edges[n]) + ".")
    return out


def _picture(title, edges, story):
    """One graph as SVG, in the state after its last step; edges and nodes stand in their order."""
    grads = {n: max((num(step.grads.get(n, 0.0)) for step in story), key=len) for n in edges}
    last, order = story[-1], list(edges)
    plan = layout(edges, {n: f"{num(last.values[n])}\ngrad {grads[n]}" for n in edges}, em=0.87, room=820)
    parts = []
    for r in plan.routes:
        curve = " ".join(f"{x:.0f} {y:.0f}" for x, y in r.points[1:])
        tips = [" ".join(f"{x:.1f},{y:.1f}" for x, y in _tip(*r.points[ends])) for ends in ([-1, -2], [0, 1])]
        parts.append(
            f'<g class="gd-edge" data-to="{order.index(r.child)}">'
            f'<path d="M{r.points[0][0]:.0f} {r.points[0][1]:.0f}C{curve}"/><polygon points="{tips[0]}"/>'
            f'<polygon class="gd-back" points="{tips[1]}"/>'
            f'<text x="{r.at[0]:.0f}" y="{r.at[1] + 5:.0f}">{escape(r.label)}</text></g>\n'
        )
    for name, (x, y, w, h) in plan.boxes.items():
        lines = (
            ("gd-name", name),
            ("gd-value", num(last.values[name])),
            ("gd-grad", f"grad {num(last.grads[name])}"),
        )
        parts.append(
            f'<g class="gd-node{"" if edges[name] else " gd-input"}">'
            f'<rect x="{x - w / 2:.0f}" y="{y - h / 2:.0f}" width="{w:.0f}" height="{h:.0f}" rx="7"/>'
            + "".join(f'<text class="{kind}" x="{x:.0f}" y="{y - h / 2 + 20 + LINE * k:.0f}">{escape(words)}</text>\n'
                      for k, (kind, words) in enumerate(lines)) + "</g>"
        )  # fmt: skip
    told = "; ".join(n + " from " * bool(edges[n]) + " and ".join(p for p, _ in edges[n]) for n in edges)
    style = f"max-width:{plan.width:.0f}px;min-width:{0.82 * plan.width:.0f}px"
    return (
        f'<section><p><strong>{escape(title)}</strong></p><div class="gd-scroll" tabindex="0" role="group" '
        f'aria-label="The graph; it scrolls sideways where it is wide"><svg viewBox="0 0 {plan.width:.0f} '
        f'{plan.height:.0f}" style="{style}" role="img" aria-label="{escape("Computation graph: " + told)}">'
        + "".join(parts) + "</svg></div></section>"
    )  # fmt: skip


def _told(title, edges, story):
    """All steps of one graph as a list, each with the state that the script shows."""
    items = []
    for step in story:
        node = list(edges).index(step.node) if step.node else ""
        values, grads = (
            "\t".join(num(state.get(n, "")) for n in edges) for state in (step.values, step.grads)
        )
        items.append(
            f'<li data-node="{node}" data-edge="{"" if step.edge is None else step.edge}" '
            f'data-values="{escape(values)}" data-grads="{grads}">{escape(step.sentence)}</li>'
        )
    summary = f"<summary>All steps as text: {escape(title)}</summary>"
    return f"<details>{summary}<ol start='0'>{''.join(items)}</ol></details>"


def stepper(examples):
    """The interactive figure that walks through graphs, forward and backward, as IPython HTML.

    ``examples`` is {title: {"edges": as for ``draw``, "values": {node: number or text},
    "formulas": {node: text}}}; the output is the last node. It needs no kernel. Raises ValueError
    as ``draw`` and ``steps`` do, and when there is no example. Values and slopes are believed.

    >>> edges = {"a": [], "b": [("a", 1.0), ("a", 1.0)]}
    >>> stepper({"a + a": {"edges": edges, "values": {"a": 1.0, "b": 2.0}}}).data.count("<svg")
    1
    """
    if not examples:
        raise ValueError("no example: give at least one, as in {'a + a': {'edges': ..., 'values': ...}}")
    stories = [(title, example["edges"], steps(**example)) for title, example in examples.items()]
    figure = widget("graph")
    for mark, make in (("<!-- pictures -->", _picture), ("<!-- steps -->", _told)):
        figure.data = figure.data.replace(mark, "\n".join(make(*story) for story in stories))
    return figure
