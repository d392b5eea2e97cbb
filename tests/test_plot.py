"""Figures: one look, a text for each picture, small files."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from PIL import Image

from gdcourse import plot


def luminance(colour):
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: a list of (mime bundle, metadata)."""
    seen = []
    monkeypatch.setattr(
        "IPython.display.display", lambda bundle, raw, metadata: seen.append((bundle, metadata))
    )
    return seen


def test_ink_is_legible_on_paper_and_lines_stand_out():
    assert contrast(plot.INK, plot.PAPER) > 7
    for colour in plot.COLOURS[:3]:
        assert contrast(colour, plot.PAPER) > 3


def test_show_gives_a_picture_its_text_and_closes_the_figure(shown):
    fig, ax = plot.figure()
    plot.line(ax, (1.0, 1.0), (0, 5), label="y = x + 1")
    plot.show(fig, "A rising straight line.")
    (bundle, metadata), = shown  # fmt: skip
    assert bundle["text/plain"] == metadata["image/png"]["alt"] == "A rising straight line."
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == (1000, 600) and metadata["image/png"]["width"] == 500
    assert len(bundle["image/png"]) < 60_000
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_picture_without_a_text_is_refused(alt):
    fig, _ = plot.figure()
    with pytest.raises(ValueError, match="alt is empty"):
        plot.show(fig, alt)
    plt.close(fig)


def test_the_same_figure_gives_the_same_bytes(shown):
    for _ in range(2):
        fig, ax = plot.figure()
        plot.contour(ax, lambda t: t[0] ** 2 + 3 * t[1] ** 2, (-1, 1), (-1, 1))
        plot.path(ax, [[1, 1], [0, 0]])
        plot.show(fig, "Ellipses and a path.")
    assert shown[0] == shown[1]


def test_contour_lines_pass_through_the_levels_of_the_function():
    fig, ax = plot.figure()
    drawn = plot.contour(ax, lambda t: t @ t, (-1, 1), (-1, 1))
    for level, lines in zip(drawn.levels, drawn.allsegs):
        for points in lines:
            np.testing.assert_allclose((points**2).sum(axis=1), level, atol=2e-3)
    assert len(drawn.levels) <= 8
    plt.close(fig)


def test_an_animation_plays_once_and_tells_its_frames(shown):
    fig, ax = plot.figure(height=2)
    (dot,) = ax.plot([0], [0], "o")
    ax.set_xlim(0, 3)
    animation = FuncAnimation(fig, lambda k: dot.set_data([k], [0]), frames=4)
    assert plot.show_animation(animation, "A dot walks right.") == 4
    gif = Image.open(io.BytesIO(base64.b64decode(shown[0][0]["image/gif"])))
    assert gif.n_frames == 4 and "loop" not in gif.info


def test_an_unknown_widget_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="no interactive figure 'bowls'; there are: bowl"):
        plot.widget("bowls")


def test_a_widget_loads_nothing():
    html = plot.widget("bowl").data
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "") and "https://" not in html
    assert "<link" not in html and "src=" not in html
