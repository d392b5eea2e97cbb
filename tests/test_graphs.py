"""The pictures of graphs: laws of the layout, steps against hand arithmetic and sums over paths."""

import math
import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdcourse import graphs
from gdcourse.layout import layout, sample
from gdcourse.plot import figure, plt

DIAMOND = {"a": [], "b": [("a", 1.0), ("a", 1.0)], "c": [("b", 1.0), ("b", 1.0)]}
VALUES = {"a": 1.0, "b": 2.0, "c": 4.0}
FORMULAS = {"b": "a + a", "c": "b + b"}
SINE = {"x": [], "u": [("x", 2.0)], "f": [("u", math.cos(1.0))]}  # sin(x^2) at x = 1


@st.composite
def some_graph(draw):
    """Up to nine nodes, each with up to three edges from nodes before it; slopes are small integers."""
    edges = {}
    for k in range(draw(st.integers(1, 9))):
        parents = st.tuples(st.sampled_from(list(edges) or ["none"]), st.integers(-3, 3))
        edges[f"n{k}" * draw(st.integers(1, 4))] = draw(st.lists(parents, max_size=3 if edges else 0))
    return edges


def sides(box):
    x, y, w, h = box
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


@given(some_graph())
def test_each_parent_stands_left_of_its_children(edges):
    boxes = layout(edges).boxes
    for child, parents in edges.items():
        for parent, _ in parents:
            assert sides(boxes[parent])[2] < sides(boxes[child])[0]


@given(some_graph(), st.text("ab\n", max_size=12))
def test_no_two_boxes_overlap(edges, words):
    boxes = layout(edges, dict.fromkeys(list(edges)[::2], words)).boxes.values()
    for one, other in combinations(map(sides, boxes), 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


@given(some_graph())
def test_no_arrow_runs_through_a_box(edges):
    plan = layout(edges)
    for route in plan.routes:
        line = sample(route.points)
        for x0, y0, x1, y1 in map(sides, plan.boxes.values()):
            inside = (line > (x0 + 0.1, y0 + 0.1)).all(1) & (line < (x1 - 0.1, y1 - 0.1)).all(1)
            assert not inside.any(), (route.parent, route.child)


@given(some_graph())
def test_each_arrow_leads_from_the_right_side_of_its_parent_to_the_left_side_of_its_child(edges):
    plan = layout(edges)
    assert [(r.parent, r.child) for r in plan.routes] == [(p, c) for c in edges for p, _ in edges[c]]
    for route in plan.routes:
        (_, y0, right, y1), (left, y2, _, y3) = (sides(plan.boxes[n]) for n in (route.parent, route.child))
        (start_x, start_y), (end_x, end_y) = route.points[0], route.points[-1]
        assert start_x == pytest.approx(right) and y0 < start_y < y1
        assert end_x == pytest.approx(left) and y2 < end_y < y3


@given(some_graph())
def test_everything_lies_within_the_picture(edges):
    plan = layout(edges)
    corners = np.reshape([sides(box) for box in plan.boxes.values()], (-1, 2))
    points = np.concatenate([corners, *(sample(route.points) for route in plan.routes)])
    assert (points >= 0).all() and (points <= (plan.width, plan.height)).all()


@given(some_graph())
def test_two_arrows_between_the_same_nodes_are_both_seen(edges):
    routes = layout(edges).routes
    for one, other in combinations(routes, 2):
        if (one.parent, one.child) == (other.parent, other.child):
            apart = np.hypot(*(sample(one.points) - sample(other.points)).T)
            assert apart.max() > 8


def test_edges_that_need_not_cross_do_not_cross():
    names = {"a": [], "b": [], "c": [], "p": [("c", 1)], "q": [("b", 1)], "r": [("a", 1)]}
    boxes = layout(names).boxes
    assert all(boxes[u][1] == pytest.approx(boxes[v][1]) for u, v in ("ar", "bq", "cp"))


def test_numbers_on_the_arrows_of_a_diamond_do_not_cover_each_other():
    plan = layout(DIAMOND)
    for one, other in combinations(plan.routes, 2):
        assert (abs(one.at - other.at) > one.half + other.half - 4).any()


def test_a_slope_of_none_is_not_written():
    labels = [route.label for route in layout({"a": [], "b": [("a", None), ("a", -0.25)]}).routes]
    assert labels == ["", "−0.25"]


@pytest.mark.parametrize("edges", [{"b": [("a", 1.0)], "a": []}, {"b": [("b", 1.0)]}, {"b": [("z", 1.0)]}])
def test_a_parent_not_listed_before_its_child_is_refused(edges):
    with pytest.raises(ValueError, match="'b' has the parent .* list the nodes in topological order"):
        layout(edges)


def test_an_empty_graph_is_refused():
    with pytest.raises(ValueError, match="empty: give at least one node"):
        layout({})


def test_text_for_an_unknown_node_is_refused():
    with pytest.raises(ValueError, match="text for 'z', which is no node; the nodes are: a, b, c"):
        layout(DIAMOND, {"z": "1"})


def test_a_drawing_hides_its_axes_and_shows_all_of_the_graph():
    fig, ax = figure(height=2)
    graphs.draw(ax, DIAMOND, {"b": "2\ngrad 2"})
    plan = layout(DIAMOND, {"b": "2\ngrad 2"})
    (x0, x1), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert not ax.axison
    assert x0 <= 0 and plan.width <= x1 and top <= 0 and plan.height <= bottom
    plt.close(fig)


def test_a_small_graph_in_a_large_figure_is_not_blown_up():
    fig, ax = figure(height=6, width=9)
    graphs.draw(ax, {"a": []})
    fig.draw_without_rendering()
    assert ax.get_window_extent().width / np.ptp(ax.get_xlim()) < 1.5
    plt.close(fig)


def circles(ax):
    return [len(dots.get_offsets()) for dots in ax.collections]


def test_a_network_has_a_circle_for_each_unit_and_a_line_for_each_pair_of_neighbours():
    fig, ax = figure()
    graphs.network(ax, (2, 4, 1), ["in", "hidden", "out"])
    assert circles(ax) == [2, 4, 1]
    assert len(ax.lines) == 2 * 4 + 4 * 1
    assert [text.get_text() for text in ax.texts] == ["in", "hidden", "out"]
    plt.close(fig)


def test_a_wide_layer_is_drawn_as_seven_circles_and_dots():
    fig, ax = figure()
    graphs.network(ax, (64, 8))
    assert circles(ax) == [7, 8]
    assert [text.get_text() for text in ax.texts] == ["⋮"]
    plt.close(fig)


@pytest.mark.parametrize("sizes, labels, message", [
    ((), None, "at least one unit"), ((2, 0), None, "at least one unit"), ((2, 1), ["in"], "1 labels for 2 layers"),
])  # fmt: skip
def test_an_impossible_network_is_refused(sizes, labels, message):
    fig, ax = figure()
    with pytest.raises(ValueError, match=message):
        graphs.network(ax, sizes, labels)
    plt.close(fig)


def test_the_diamond_is_told_in_these_sentences():
    assert [step.sentence for step in graphs.steps(DIAMOND, VALUES, FORMULAS)] == [
        "Start: no value is known yet. Numbers are shown to four digits.",
        "Forward: a = 1, an input.",
        "Forward: b = a + a = 2.",
        "Forward: c = b + b = 4.",
        "Backward: the gradient of c in itself is 1. Each edge now hands slope × gradient to its parent.",
        "From c to b: b gets 1 × 1 = 1 through this edge: 0 + 1 = 1.",
        "From c to b: b gets 1 × 1 = 1 through this edge: 1 + 1 = 2. "
        "That was the last edge out of b: its gradient is complete.",
        "From b to a: a gets 1 × 2 = 2 through this edge: 0 + 2 = 2.",
        "From b to a: a gets 1 × 2 = 2 through this edge: 2 + 2 = 4. "
        "That was the last edge out of a: its gradient is complete.",
        "Done: dc/da = 4.",
    ]


def test_the_steps_of_sin_of_x_squared_end_with_its_derivative():
    story = graphs.steps(SINE, {"x": 1.0, "u": 1.0, "f": math.sin(1.0)}, {"u": "x²", "f": "sin u"})
    assert story[-1].grads == pytest.approx({"x": 2 * math.cos(1.0), "u": math.cos(1.0), "f": 1.0})
    assert story[3].sentence == "Forward: f = sin u = 0.8415."
    assert story[-1].sentence == "Done: df/dx = 1.081."


def test_a_negative_factor_or_summand_stands_in_brackets():
    story = graphs.steps({"x": [], "y": [("x", 2.0)], "z": [("y", -3.0)]}, {"x": 1, "y": 2, "z": -6})
    assert "y gets −3 × 1 = −3 through this edge: 0 + (−3) = −3." in story[5].sentence
    assert "x gets 2 × (−3) = −6 through this edge: 0 + (−6) = −6." in story[6].sentence


def by_paths(edges, start, end):
    """The derivative as the sum over all paths of the products of slopes."""
    return int(start == end) + sum(slope * by_paths(edges, start, parent) for parent, slope in edges[end])


@given(some_graph())
def test_the_last_gradients_are_the_sums_over_all_paths(edges):
    *_, output = edges
    last = graphs.steps(edges, dict.fromkeys(edges, 0.0))[-1]
    assert last.grads == {name: by_paths(edges, name, output) for name in edges}


@given(some_graph())
def test_each_node_and_each_edge_has_one_step_and_children_come_before_their_parents(edges):
    story = graphs.steps(edges, dict.fromkeys(edges, 0.0))
    children = [child for child, parents in edges.items() for _ in parents]
    visited = [children[step.edge] for step in story if step.edge is not None]
    assert len(story) == 1 + len(edges) + 1 + len(children) + 1
    assert visited == sorted(children, key=lambda name: -list(edges).index(name))


def test_a_value_appears_with_its_step_and_a_gradient_with_the_backward_pass():
    story = graphs.steps(DIAMOND, VALUES)
    assert [list(step.values) for step in story[:4]] == [[], ["a"], ["a", "b"], ["a", "b", "c"]]
    assert [step.grads.get("b") for step in story[3:7]] == [None, 0.0, 1.0, 2.0]


def test_a_value_may_be_a_text_such_as_a_shape():
    story = graphs.steps(DIAMOND, dict.fromkeys(DIAMOND, "(3, 4)"))
    assert story[1].sentence == "Forward: a = (3, 4), an input."


def test_a_node_without_value_is_refused():
    with pytest.raises(ValueError, match="no value for the node 'c'"):
        graphs.steps(DIAMOND, {"a": 1.0, "b": 2.0})


def test_an_edge_without_slope_is_refused_in_the_stepper():
    with pytest.raises(ValueError, match="no slope from 'a' to 'b'"):
        graphs.stepper({"x": {"edges": {"a": [], "b": [("a", None)]}, "values": {"a": 1.0, "b": 2.0}}})


def test_a_stepper_without_example_is_refused():
    with pytest.raises(ValueError, match="give at least one"):
        graphs.stepper({})


EXAMPLE = {"edges": DIAMOND, "values": VALUES, "formulas": FORMULAS}


def test_the_html_holds_every_sentence_and_asks_for_nothing_outside():
    html = graphs.stepper({"The diamond": EXAMPLE}).data
    assert re.findall("<li[^>]*>([^<]*)</li>", html) == [s.sentence for s in graphs.steps(**EXAMPLE)]
    assert not re.search(r"https?:|src=|url\(|<link|\bid=", html)


def test_the_picture_has_a_text_alternative():
    html = graphs.stepper({"The diamond": EXAMPLE}).data
    assert 'role="img" aria-label="Computation graph: a; b from a and a; c from b and b"' in html


def test_names_and_formulas_are_escaped():
    edges = {"a<b": [], "c": [("a<b", 1.0)]}
    example = {"edges": edges, "values": {"a<b": "<i>", "c": 1.0}, "formulas": {"c": "<b>&"}}
    html = graphs.stepper({"<u>": example}).data
    assert not re.search("<i>|<b>|<u>|a<b", html)


def test_four_neurons_with_their_loss_stay_below_sixty_kilobytes():
    parents = {
        "x": "",
        "w": "",
        "b": "",
        "w x": "xw",
        "z": ["w x", "b"],
        "a": "z",
        "y": "",
        "a − y": "ay",
        "L": ["a − y"],
    }
    edges = {name: [(parent, -0.24974) for parent in parents[name]] for name in parents}
    example = {"edges": edges, "values": dict.fromkeys(edges, -0.24974)}
    html = graphs.stepper({f"Example {k}": example for k in range(4)}).data
    assert len(html.encode()) < 60_000


def test_the_same_graph_gives_the_same_html():
    assert graphs.stepper({"d": EXAMPLE}).data == graphs.stepper({"d": EXAMPLE}).data


@pytest.mark.parametrize("edges", [{0: []}, {"a": [], "b": ["a"]}, {"a": [], "b": ("a", 1.0)}])
def test_edges_in_another_form_are_told_the_form(edges):
    with pytest.raises(ValueError, match="wanted {'name': "):
        layout(edges)


def test_a_value_or_a_formula_of_an_unknown_node_is_refused():
    with pytest.raises(ValueError, match="'z' is no node; the nodes are: a, b, c"):
        graphs.steps(DIAMOND, VALUES | {"z": 1.0})
    with pytest.raises(ValueError, match="'B' is no node"):
        graphs.steps(DIAMOND, VALUES, {"B": "a + a"})


def test_without_style_and_script_the_figure_says_to_run_the_cell_and_keeps_its_words_apart():
    html = graphs.stepper({"The diamond": EXAMPLE}).data
    left = re.sub(r"<(style|script).*?</\1>", "", html, flags=re.S)
    words = re.sub(r"<[^>]+>", "", left)
    assert words.strip().startswith("Run this cell")
    assert not re.search(r"grad \S*\d[a-z]", words)
