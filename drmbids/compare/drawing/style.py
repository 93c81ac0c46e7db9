"""The one style of all figures, applied while a figure is made and never globally."""

import io
import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

P = ParamSpec("P")

#: Okabe & Ito's palette for all kinds of colour vision (https://jfly.uni-koeln.de/color), without
#: its yellow, which is lost on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BLACK, GREY, PALE = "#222222", "#8a8a8a", "#e8e8e8"
#: Colour of measured data and of a baseline, whatever the models are called.
MEASURED, BASELINE = BLACK, GREY
#: Width of a full-width figure in inches; text keeps its size on a page of that width.
WIDTH = 7.5

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": BLACK,
    "axes.labelcolor": BLACK,
    "text.color": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    "axes.prop_cycle": cycler(color=PALETTE),
    "figure.facecolor": "white",
    "image.interpolation": "nearest",
    # Names of conditions and regions are data: a "$" in them is no mathematics.
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "drmbids",
}


def styled(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make the function draw in the style of the project, whatever the user's settings are."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_RC)
            return function(*args, **kwargs)

    return wrapper


def svg(figure: Figure) -> str:
    """Return a figure as SVG text, the same text each time.

    Parameters
    ----------
    figure : Figure
        A figure of this package.

    Returns
    -------
    str
        A complete SVG document without date, metadata or reference to anything outside it.

    Examples
    --------
    >>> from drmbids.compare.drawing.training_curve import training_curve
    >>> import pandas as pd
    >>> log = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.1, 0.7]})
    >>> svg(training_curve(log)).startswith("<?xml")
    True
    """
    buffer = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = re.sub(r"<!DOCTYPE.*?>", "", buffer.getvalue(), flags=re.DOTALL)
    # The comments hold every label a second time.
    return re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)


def model_colors(models: Iterable[str], baseline: str | None = None) -> dict[str, str]:
    """Return one colour for each model: grey for the baseline, then the palette in order."""
    colors, free = {}, 0
    for model in models:
        if model == baseline:
            colors[model] = BASELINE
        else:
            colors[model] = PALETTE[free % len(PALETTE)]
            free += 1
    return colors


def condition_colors(conditions: Iterable[str]) -> dict[str, str]:
    """Return one colour for each condition, by its place: the palette, or hues where it ends.

    Figures of the same runs give the same order, and so have the same colours.
    """
    names = list(dict.fromkeys(map(str, conditions)))
    if len(names) <= len(PALETTE):
        return dict(zip(names, PALETTE, strict=False))
    hues = mpl.colormaps["turbo"](np.linspace(0.05, 0.95, len(names)))
    return {name: mpl.colors.to_hex(hue) for name, hue in zip(names, hues, strict=True)}


def shorten(name: str, length: int = 24) -> str:
    """Return the name, cut in the middle with an ellipsis if it is longer than ``length``."""
    if len(name) <= length:
        return name
    tail = (length - 1) // 2
    return f"{name[: length - 1 - tail]}…{name[-tail:]}"


def no_data(figure: Figure, axes: Axes, why: str) -> Figure:
    """Return the figure with a sentence in place of axes that would have nothing to show."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=axes.transAxes)
    return figure
