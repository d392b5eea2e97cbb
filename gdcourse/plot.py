"""One look for every figure: legible on a light and a dark page, safe for colour-blind readers."""

import io
from base64 import b64encode
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

INK, GRID, PAPER = "#24303f", "#d9dee5", "#fcfcfa"
# Okabe and Ito's palette; the first four also differ in lightness and, in `path`, in marker.
BLUE, ORANGE, GREEN, PINK, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW)
MARKERS = ("o", "s", "^", "D", "v", "P")

STYLE = {
    "figure.dpi": 100, "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
    "figure.constrained_layout.use": True, "font.size": 10, "axes.titlesize": 10.5, "axes.labelsize": 10,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.7, "axes.axisbelow": True, "lines.linewidth": 1.8, "lines.markersize": 5,
    "legend.frameon": False, "legend.fontsize": 9, "axes.prop_cycle": mpl.cycler(color=COLOURS),
}  # fmt: skip


def figure(ncols=1, height=3.0, width=5.0, **kwargs):
    """A new figure in the course's look: (fig, ax), or (fig, array of axes) when ``ncols`` > 1.

    Sizes are in inches; other arguments go to ``matplotlib.pyplot.subplots``.

    >>> fig, (left, right) = figure(2, width=7)
    >>> plt.close(fig)
    """
    mpl.rcParams.update(STYLE)
    return plt.subplots(ncols=ncols, figsize=(width, height), **kwargs)


def surface_axes(height=3.6, width=5.0):
    """A figure with one three-dimensional axes in the course's look: (fig, ax)."""
    return figure(height=height, width=width, subplot_kw={"projection": "3d"})


def show(fig, alt):
    """Display ``fig`` with ``alt``, a sentence that says what is seen, and close it.

    The picture is a crisp PNG of at most 256 colours, some tens of kilobytes; ``alt`` is its text
    for a reader who cannot see it. Raises ValueError when ``alt`` is empty.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the figure shows")
    bundle = {"image/png": b64encode(png(fig)).decode(), "text/plain": alt}
    width = int(fig.get_figwidth() * 100)
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": width}})


def png(fig):
    """``fig``, which is closed, as the bytes of a crisp PNG of at most 256 colours."""
    raw, small = io.BytesIO(), io.BytesIO()
    fig.savefig(raw, format="png", dpi=200)
    plt.close(fig)
    colours = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    picture = Image.open(raw).convert("RGB").quantize(256, **colours)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def line(ax, theta, xlim, label=None, **kwargs):
    """Draw the line y = w x + b for ``theta = (w, b)`` between ``xlim``; return the Line2D."""
    x = np.array(xlim, dtype=float)
    return ax.plot(x, theta[0] * x + theta[1], label=label, **kwargs)[0]


def grid_values(f, xlim, ylim, n=81):
    """Values of ``f(theta)``, theta of shape (2,), on an n x n grid: (A, B, F), each (n, n)."""
    A, B = np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))
    F = np.array([[f(np.array([a, b])) for a, b in zip(ra, rb)] for ra, rb in zip(A, B)])
    return A, B, F


def contour(ax, f, xlim, ylim, levels=8):
    """Draw contour lines of ``f(theta)``, theta of shape (2,), closer near the bottom; return the set."""
    A, B, F = grid_values(f, xlim, ylim)
    low = F.min()
    at = low + (F.max() - low) * np.linspace(0, 1, levels + 2)[1:-1] ** 2.5
    return ax.contour(A, B, F, levels=at, colors="#8492a3", linewidths=0.9)


def path(ax, points, label=None, k=0):
    """Draw the descent path ``points`` (steps + 1, 2) in colour and marker ``k``; return the Line2D."""
    points = np.asarray(points)
    return ax.plot(points[:, 0], points[:, 1], marker=MARKERS[k], color=COLOURS[k], markersize=4,
                   linewidth=1.3, label=label)[0]  # fmt: skip


def surface(ax, f, xlim, ylim):
    """Draw the surface of ``f(theta)``, theta of shape (2,), on three-dimensional axes; return it."""
    A, B, F = grid_values(f, xlim, ylim, n=41)
    return ax.plot_surface(A, B, F, cmap="cividis", alpha=0.75, linewidth=0, antialiased=True)


def show_animation(animation, alt, fps=4):
    """Display a matplotlib animation once through, as a GIF with ``alt``; return its number of frames.

    It stops on the last frame (no endless motion). The count is of the frames that the file keeps:
    the writer merges neighbours that look the same. Raises ValueError when ``alt`` is empty.
    """
    from tempfile import TemporaryDirectory

    from IPython.display import display
    from matplotlib.animation import PillowWriter

    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the animation shows")
    with TemporaryDirectory() as folder:
        animation.save(Path(folder) / "a.gif", writer=PillowWriter(fps=fps), dpi=80)
        with Image.open(Path(folder) / "a.gif") as gif:
            frames, times = [], []
            for k in range(gif.n_frames):
                gif.seek(k)
                times.append(gif.info["duration"])
                frames.append(
                    gif.convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                )
    plt.close(animation._fig)
    frames[0].info.pop("loop", None)  # PillowWriter asks for endless repetition
    out = io.BytesIO()
    frames[0].save(out, format="gif", save_all=True, append_images=frames[1:], duration=times, optimize=True)
    bundle = {"image/gif": b64encode(out.getvalue()).decode(), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/gif": {"alt": alt}})
    return len(frames)


def widget(name):
    """An interactive figure that needs no kernel: ``gdcourse/widgets/<name>.html``, as IPython HTML.

    Raises ValueError, with the names there are, for an unknown one.
    """
    from IPython.display import HTML

    folder = Path(__file__).parent / "widgets"
    if not (folder / f"{name}.html").is_file():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.html")))
        raise ValueError(f"no interactive figure {name!r}; there are: {there}")
    return HTML((folder / f"{name}.html").read_text(encoding="utf8"))
