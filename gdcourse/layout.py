"""Where the boxes and arrows of a computation graph lie: columns by longest path, few crossings."""

from functools import lru_cache
from itertools import accumulate, combinations, pairwise
from types import SimpleNamespace

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

FONT, LABEL, LINE, APART = 14, 13, 18, 16  # px: letters, slopes, line to line, box to box


def num(x):
    """A number as a reader writes it, to four significant digits; a string stays as it is.

    >>> num(-0.24974), num(2.0), num(1e-7), num("(3, 4)")
    ('−0.2497', '2', '1 × 10⁻⁷', '(3, 4)')
    """
    if isinstance(x, str):
        return x
    digits, _, power = f"{x + 0.0:.4g}".partition("e")
    power = power and " × 10" + str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return digits.replace("-", "−") + power


def outline(words, size, weight):
    """The letters of ``words`` as one matplotlib path, ``size`` in px, its left end at 0."""
    return TextPath((0, 0), words, size=size, prop=FontProperties(weight=weight))


@lru_cache
def width_of(words, size=FONT, weight="normal"):
    """Width of ``words`` in px; 0 for blank ones."""
    return outline(words, size, weight).get_extents().width if words.strip() else 0


def triples_of(edges):
    """All edges (parent, slope, child), in the order of their children."""
    return [(parent, slope, child) for child, parents in edges.items() for parent, slope in parents]


def columns(edges):
    """The column of each node, {name: longest path from an input}; ValueError for a wrong order."""
    if not edges:
        raise ValueError("the graph is empty: give at least one node, as in {'a': []}")
    column = {}
    for name, parents in edges.items():
        pairs = isinstance(parents, list) and all(isinstance(p, tuple) and len(p) == 2 for p in parents)
        if not isinstance(name, str) or not pairs:
            raise ValueError(f"wanted {{'name': [(parent, slope), ...]}}, got {{{name!r}: {parents!r}}}")
        for parent, _ in parents:
            if parent not in column:
                raise ValueError(
                    f"{name!r} has the parent {parent!r}, which is not listed before it: "
                    "list the nodes in topological order, parents first"
                )
        column[name] = 1 + max((column[parent] for parent, _ in parents), default=-1)
    return column


def _crossings(levels, links):
    """How many pairs of links between neighbouring columns cross."""
    rank = {item: k for level in levels for k, item in enumerate(level)}
    between = [[(rank[u], rank[v]) for u, v in links if u in level] for level in map(set, levels)]
    return sum((a - c) * (b - d) < 0 for gap in between for (a, b), (c, d) in combinations(gap, 2))


def _untangle(levels, links):
    """Order each column by the mean rank of its neighbours, to and fro; keep what crosses least."""
    near = _neighbours(levels, links)
    best = levels
    for sweep in range(16):
        levels = [list(level) for level in levels]
        for before, level in pairwise(levels[:: 1 - 2 * (sweep % 2)]):
            rank = {u: k for k, u in enumerate(before)}
            mean = {v: np.mean([rank[u] for u in near[v] if u in rank] or [k]) for k, v in enumerate(level)}
            level.sort(key=mean.get)
        best = min(best, levels, key=lambda order: _crossings(order, links))
    return best


def _neighbours(levels, links):
    near = {item: [] for level in levels for item in level}
    for u, v in links:
        near[u].append(v)
        near[v].append(u)
    return near


def _spread(wanted, gaps):
    """The places nearest to ``wanted`` (least squares) in the same order and at least ``gaps`` apart.

    >>> _spread([0, 0, 5], [2, 2])
    [-1.0, 1.0, 5.0]
    """
    shift, blocks = list(accumulate(gaps, initial=0)), []
    for place, s in zip(wanted, shift):
        blocks.append((place - s, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:  # they collide: move as one
            (b, n), (a, m) = blocks.pop(), blocks.pop()
            blocks.append(((a * m + b * n) / (m + n), m + n))
    flat = [mean for mean, n in blocks for _ in range(n)]
    return [float(f + s) for f, s in zip(flat, shift)]


def _rows(levels, links, height):
    """The middle y of each item: near its neighbours; a long edge pulls itself level."""
    near, y = _neighbours(levels, links), {}
    gaps = [[(height[a] + height[b]) / 2 + APART for a, b in pairwise(level)] for level in levels]
    for level, gap in zip(levels, gaps):
        y.update(zip(level, _spread([0] * len(level), gap)))
    for _ in range(20):
        for level, gap in zip(levels, gaps):
            wanted = []
            for v in level:
                pull = [1 if isinstance(u, str) else 4 for u in near[v]]
                wanted.append(np.average([y[u] for u in near[v]], weights=pull) if pull else y[v])
            y.update(zip(level, _spread(wanted, gap)))
    return y


def _ports(chains, y, height, end, beside):
    """The y at which each edge meets the box at its ``end``, in the order of the items ``beside``."""
    port = {}
    for name in {chain[end] for chain in chains}:
        mine = [i for i, chain in enumerate(chains) if chain[end] == name]
        mine.sort(key=lambda i: (y[chains[i][beside]], i))
        step = min(16, (height[name] - 16) / max(1, len(mine) - 1))
        port.update({i: y[name] + step * (k - (len(mine) - 1) / 2) for k, i in enumerate(mine)})
    return port


def _route(stops, bow):
    """Cubic Bézier points (1 + 3 n, 2) through n + 1 ``stops``; bent by ``bow`` on the way."""
    points = [stops[0]]
    for (x0, y0), (x1, y1) in pairwise(stops):
        points += [((x0 + x1) / 2, y0 + bow), ((x0 + x1) / 2, y1 + bow), (x1, y1)]
    return np.array(points, dtype=float)


def sample(points):
    """Places along a route (17 n, 2)."""
    t = np.linspace(0, 1, 17)[:, None, None]
    a, b, c, d = (points[k::3][: len(points) // 3] for k in range(4))
    curves = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d  # (17, n, 2)
    return curves.swapaxes(0, 1).reshape(-1, 2)


def _place_labels(routes, boxes):
    """Set ``at`` of each labelled route: the place on it where the number hides least else."""
    taken = [np.array([[x - w / 2, y - h / 2], [x + w / 2, y + h / 2]]) for x, y, w, h in boxes.values()]
    lines = [sample(route.points) for route in routes]
    for k, route in enumerate(routes):
        others = np.concatenate([np.empty((0, 2)), *lines[:k], *lines[k + 1 :]])
        low, high = lines[k] - route.half, lines[k] + route.half
        hits = sum((low < b[1]).all(1) & (high > b[0]).all(1) for b in taken)
        hidden = ((others > low[:, None]) & (others < high[:, None])).all(2).sum(1)
        far = abs(np.linspace(-1, 1, len(low)))  # from the middle of the arrow
        route.at = lines[k][np.argmin(40 * hits + hidden + far)]
        if route.label:
            taken.append(np.array([route.at - route.half, route.at + route.half]))


def layout(edges, text=None, em=1.0, room=np.inf):
    """Where everything lies, in pixels, y downwards: ``boxes``, ``routes``, ``width``, ``height``.

    ``boxes`` is {name: (middle x, middle y, width, height)}; a route is an edge's ``parent``,
    ``child``, Bézier ``points`` and ``label``, centred on ``at``. ``em`` is the width of the letters
    against Matplotlib's; to fit into ``room`` the columns move together, a little. Arguments and errors otherwise as for ``draw``.

    >>> boxes = layout({"a": [], "b": [("a", 1.0)]}).boxes
    >>> bool(boxes["a"][0] < boxes["b"][0])
    True
    """
    column, text, triples = columns(edges), text or {}, triples_of(edges)
    for name in text:
        if name not in edges:
            raise ValueError(f"text for {name!r}, which is no node; the nodes are: {', '.join(edges)}")
    lines = {name: text[name].split("\n") if name in text else [] for name in edges}

    # An edge that skips columns passes a place (its number, column) in each, between the boxes.
    chains = [
        [u, *((i, c) for c in range(column[u] + 1, column[v])), v] for i, (u, _, v) in enumerate(triples)
    ]
    levels = [[name for name in edges if column[name] == c] for c in range(1 + max(column.values()))]
    for i, c in (place for chain in chains for place in chain[1:-1]):
        levels[c].append((i, c))
    links = [link for chain in chains for link in pairwise(chain)]
    height = {place: 6 for chain in chains for place in chain[1:-1]}
    height |= {name: 30 + LINE * len(lines[name]) for name in edges}
    y = _rows(_untangle(levels, links), links, height)
    leave, reach = _ports(chains, y, height, 0, 1), _ports(chains, y, height, -1, -2)

    label = ["" if slope is None else num(slope) for _, slope, _ in triples]
    wide, apart = [], []
    for c in range(len(levels)):
        names = [name for name in edges if column[name] == c]
        words = [width_of(w) for name in names for w in lines[name]]
        words += [width_of(name, weight="bold") for name in names]
        wide.append(max(44, em * max(words) + 13))
        apart.append(
            em * max((width_of(w, LABEL) for w, t in zip(label, triples) if column[t[2]] == c), default=0)
        )
    gap = np.clip((room - 12 - sum(wide) - sum(apart)) / max(1, len(levels) - 1), 26, 46)
    left = [6 + sum(wide[:c]) + sum(apart[: c + 1]) + c * gap for c in range(len(levels))]

    routes = []
    for i, (u, _, v) in enumerate(triples):
        twins = [j for j, t in enumerate(triples) if (t[0], t[2]) == (u, v)]
        bow = 24 * (twins.index(i) - (len(twins) - 1) / 2) if len(chains[i]) == 2 else 0
        stops = [(left[c] + side, y[i, c]) for _, c in chains[i][1:-1] for side in (0, wide[c])]
        stops = [(left[column[u]] + wide[column[u]], leave[i]), *stops, (left[column[v]], reach[i])]
        half = np.array([em * width_of(label[i], LABEL) / 2 + 3, LABEL / 2 + 2])
        routes.append(
            SimpleNamespace(parent=u, child=v, points=_route(stops, bow), label=label[i], half=half)
        )
    edge_y = [y[name] + side * height[name] / 2 for name in edges for side in (-1, 1)]
    edge_y += [at for route in routes for at in route.points[:, 1]]
    top = min(edge_y) - 6
    for route in routes:
        route.points[:, 1] -= top
    boxes = {
        n: (left[column[n]] + wide[column[n]] / 2, y[n] - top, wide[column[n]], height[n]) for n in edges
    }
    _place_labels(routes, boxes)
    return SimpleNamespace(
        boxes=boxes, routes=routes, lines=lines, width=left[-1] + wide[-1] + 6, height=max(edge_y) + 6 - top
    )
