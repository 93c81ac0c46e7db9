"""The brain of a model: stimuli, populations, connections, and the regions read out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from drmbids.compare.drawing.brain_layout import BOX_HEIGHT, Box, layers, place
from drmbids.compare.drawing.connection_matrix import connection_matrix
from drmbids.compare.drawing.style import GREY, PALE, PALETTE, no_data, shorten, styled

#: A graph with more than this is shown as a matrix.
MOST_POPULATIONS, MOST_CONNECTIONS = 12, 40
POSITIVE, NEGATIVE, UNWEIGHTED = PALETTE[0], PALETTE[1], GREY
_LEGEND_HEIGHT, _NARROWEST = 0.34, 5.6
# Distances in inches by which a connection may bow away from the straight line; two that run both
# ways between the same boxes bow to different sides.
_BOWS = (0.0, -0.3, 0.3, -0.6, 0.6, -0.9, 0.9, -1.2, 1.2)
_BOWS_BOTH_WAYS = (0.22, 0.45, 0.75, 1.05, 1.35)
_NOTHING = ("none", "n/a", "nan", "")
_CHARACTER = 0.072  # mean width in inches of a character of the boxes' text


def brain_graph(
    populations: Sequence[Mapping[str, Any]],
    connections: pd.DataFrame,
    stimuli: Mapping[str, Sequence[str]],
) -> Figure:
    """Draw the directed graph of a brain model, as a matrix if it is too large for a drawing.

    Parameters
    ----------
    populations : sequence of mapping
        Each with ``name``, ``kind``, ``units`` and ``region`` (a name, a list of names, or None).
    connections : DataFrame
        Columns ``source, target, delay_s, weight_mean``; a NaN mean stands for a connection
        without weights. Colour shows the sign of the mean weight, width its size; a label
        shows a delay that is not 0. Where they are there, ``through`` (what the connection is made
        of) are further lines of the label, and ``gated_by`` (``"task (attention)"``) dotted lines
        from what modulates the connection, which end in a dot. ``conditions`` are shown where
        they are not all columns of the stimulus.
    stimuli : mapping of str to sequence of str
        Columns of each stimulus.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"source": ["events"], "target": ["V1"], "delay_s": [0.1],
    ...                       "weight_mean": [0.5]})
    >>> v1 = {"name": "V1", "kind": "GRU", "units": 8, "region": "V1"}
    >>> figure = brain_graph([v1], table, {"events": ["face", "house"]})
    """
    if len(populations) > MOST_POPULATIONS or len(connections) > MOST_CONNECTIONS:
        names = [str(p["name"]) for p in populations]
        return connection_matrix(connections, sources=[*stimuli, *names], targets=names)
    return _graph(populations, connections, stimuli)


@styled
def _graph(
    populations: Sequence[Mapping[str, Any]],
    connections: pd.DataFrame,
    stimuli: Mapping[str, Sequence[str]],
) -> Figure:
    """Draw boxes and arrows; data units are inches, so that text and boxes fit each other."""
    texts = {n: _stimulus_text(n, columns) for n, columns in stimuli.items()}
    texts |= {str(p["name"]): _population_text(p) for p in populations}
    if not texts:
        figure = Figure(figsize=(3, 1))
        return no_data(figure, figure.subplots(), "the model has no populations")
    rows = [r for r in connections.to_dict("records") if {r["source"], r["target"]} <= set(texts)]
    for row in rows:
        row["sent"] = _sent_text(row, stimuli)
    widths = {
        n: max(0.85, 0.22 + _CHARACTER * max(len(line) for line in lines))
        for n, lines in texts.items()
    }
    edges = [(r["source"], r["target"]) for r in rows]
    names = [str(p["name"]) for p in populations]
    boxes, (width, height) = place(layers(list(stimuli), names, edges), widths)
    pairs = set(edges)
    curves = [
        _curve(boxes[s], boxes[t], s != t and (t, s) in pairs, list(boxes.values()))
        for s, t in edges
    ]
    points = np.concatenate([*curves, [[0.0, 0.0], [width, height]]])
    left, right = points[:, 0].min() - 0.1, max(points[:, 0].max() + 0.2, _NARROWEST)
    bottom, top = points[:, 1].min() - _LEGEND_HEIGHT, points[:, 1].max()
    figure = Figure(figsize=(right - left, top - bottom))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    for name, lines in texts.items():
        _draw_box(axes, boxes[name], lines, is_stimulus=name in stimuli)
    _draw_connections(axes, rows, boxes, curves)
    _draw_legend(axes)
    return figure


def _sent_text(row: Mapping[str, Any], stimuli: Mapping[str, Sequence[str]]) -> str:
    """Return the conditions that drive the target of a connection; empty where all do."""
    sent = str(row.get("conditions", "n/a"))
    source = row["source"]
    whole = source not in stimuli or sent in (*_NOTHING, ", ".join(stimuli[source]))
    return "" if whole else shorten(sent, 24)


def _stimulus_text(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the lines in a stimulus' box."""
    n = len(columns)
    return (shorten(name, 18), f"{n} column{'' if n == 1 else 's'}")


def _population_text(population: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the lines in a population's box; the last one, if any, its readout."""
    units = population["units"]
    lines = (
        shorten(str(population["name"]), 18),
        f"{population['kind']}, {units} unit{'' if units == 1 else 's'}",
    )
    region = population.get("region")
    regions = [region] if isinstance(region, str) else list(region or ())
    if not regions:
        return lines
    return (*lines, "reads out " + shorten(", ".join(map(str, regions)), 20))


def _draw_box(axes: Axes, box: Box, lines: tuple[str, ...], is_stimulus: bool) -> None:
    """Draw one node: a rounded box for a population, a square one for a stimulus."""
    corner = (box.x - box.width / 2, box.y - BOX_HEIGHT / 2)
    shape = "square,pad=0" if is_stimulus else "round,pad=0,rounding_size=0.1"
    axes.add_patch(
        FancyBboxPatch(
            corner,
            box.width,
            BOX_HEIGHT,
            boxstyle=shape,
            facecolor="white" if is_stimulus else "#eef4f9",
            edgecolor=GREY if is_stimulus else PALETTE[0],
            linewidth=0.9,
            zorder=3,
        )
    )
    offsets = np.linspace(0.15, -0.15, 3) if len(lines) == 3 else (0.09, -0.1)
    for k, (line, offset) in enumerate(zip(lines, offsets, strict=True)):
        axes.text(
            box.x,
            box.y + offset,
            line,
            ha="center",
            va="center",
            fontsize=8 if k == 0 else 6.5,
            fontweight="bold" if k == 0 else "normal",
            color="#222222" if k == 0 else "#555555",
            zorder=4,
        )


def _draw_connections(
    axes: Axes,
    rows: Sequence[dict[str, Any]],
    boxes: dict[str, Box],
    curves: Sequence[np.ndarray],
) -> None:
    """Draw the arrows, then the delays where they cover least."""
    strongest = max((abs(r["weight_mean"]) for r in rows if pd.notna(r["weight_mean"])), default=0)
    labels = []
    for row, curve in zip(rows, curves, strict=True):
        a, b = boxes[row["source"]], boxes[row["target"]]
        weight = row["weight_mean"]
        color = UNWEIGHTED if pd.isna(weight) else POSITIVE if weight >= 0 else NEGATIVE
        share = abs(weight) / strongest if pd.notna(weight) and strongest else 0.0
        axes.add_patch(_arrow(a, b, curve, color, 0.7 + 2.0 * share))
        through = str(row.get("through", "none"))
        made_of = [] if through in _NOTHING else through.removesuffix("Synapse").split(", ")
        lines = (row["sent"], _delay_text(float(row["delay_s"])), *made_of)
        labels.append(("\n".join(filter(None, lines)), color))
        _draw_gates(axes, str(row.get("gated_by", "none")), boxes, curve, a)
    taken = [(box.x, box.y, box.width / 2, BOX_HEIGHT / 2) for box in boxes.values()]
    for k, (text, color) in enumerate(labels):
        if text:
            others = np.concatenate([c for i, c in enumerate(curves) if i != k] or [[[9e9, 9e9]]])
            taken.append(_draw_label(axes, text, color, curves[k], taken, others))


def _draw_gates(
    axes: Axes, gated_by: str, boxes: dict[str, Box], curve: np.ndarray, source: Box
) -> None:
    """Draw a dotted line from each box that modulates a connection to a dot on its beginning."""
    start = next(iter(np.flatnonzero(~_inside(curve, source))), 0)
    x, y = curve[min(start + 3, len(curve) - 1)]
    gates = [] if gated_by in _NOTHING else gated_by.split(", ")
    # conditions may be several: "task (attention, load)" is one gate by task
    names = [n for n in boxes if any(g == n or g.startswith(f"{n} (") for g in gates)]
    for name in names:
        box = boxes[name]
        axes.plot([box.x, x], [box.y, y], color=GREY, linewidth=0.9, linestyle=":", zorder=2)
    if names:
        axes.plot([x], [y], marker="o", markersize=4, color=GREY, zorder=6)


def _curve(a: Box, b: Box, both_ways: bool, boxes: Sequence[Box]) -> np.ndarray:
    """Return points of the straightest curve from box to box that crosses no third box."""
    fractions = np.linspace(0, 1, 61)[:, None]
    if a == b:  # a loop at the right of the box
        angle = np.pi * (0.75 - 1.5 * fractions)
        middle = np.array([a.x + a.width / 2 + 0.12, a.y])
        return middle + 0.19 * np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    start, end = np.array([a.x, a.y]), np.array([b.x, b.y])
    across = np.array([end[1] - start[1], start[0] - end[0]]) / np.hypot(*(end - start))

    def bent(bow: float) -> np.ndarray:
        control = (start + end) / 2 + 2 * bow * across
        weights = ((1 - fractions) ** 2, 2 * fractions * (1 - fractions), fractions**2)
        return weights[0] * start + weights[1] * control + weights[2] * end

    def crossed(points: np.ndarray) -> int:
        third = [box for box in boxes if box not in (a, b)]
        return sum(int(_inside(points, box, margin=0.06).sum()) for box in third)

    return min((bent(bow) for bow in (_BOWS_BOTH_WAYS if both_ways else _BOWS)), key=crossed)


def _inside(points: np.ndarray, box: Box, margin: float = 0.0) -> np.ndarray:
    """Return which points lie in the box or within a margin around it."""
    return (np.abs(points[:, 0] - box.x) <= box.width / 2 + margin) & (
        np.abs(points[:, 1] - box.y) <= BOX_HEIGHT / 2 + margin
    )


def _arrow(a: Box, b: Box, curve: np.ndarray, color: str, width: float) -> FancyArrowPatch:
    """Return the arrow along the part of the curve that lies outside its two boxes."""
    outside = curve[~_inside(curve, a, 0.02) & ~_inside(curve, b, 0.04)]
    if len(outside) < 2:  # boxes that nearly touch
        outside = curve[[0, -1]]
    path = Line2D(*outside.T).get_path()
    style = f"-|>,head_length={3.2 + width / 2},head_width={1.5 + width / 2}"
    return FancyArrowPatch(
        path=path, arrowstyle=style, color=color, linewidth=width, zorder=2, joinstyle="miter"
    )


def _delay_text(delay: float) -> str:
    """Return a delay with its unit, nothing for none."""
    if not np.isfinite(delay) or delay == 0:
        return ""
    return f"{1000 * delay:.3g} ms" if abs(delay) < 1 else f"{delay:.3g} s"


def _draw_label(
    axes: Axes, text: str, color: str, curve: np.ndarray, taken: list, others: np.ndarray
) -> tuple[float, float, float, float]:
    """Write the text on its curve where it overlaps least; return the place it takes."""
    lines = text.split("\n")
    half_width, half_height = 0.5 * 0.062 * max(map(len, lines)) + 0.02, 0.07 * len(lines)

    def overlap(point: np.ndarray) -> float:
        covered = sum(
            max(0.0, half_width + w - abs(point[0] - x))
            * max(0.0, half_height + h - abs(point[1] - y))
            for x, y, w, h in taken
        )
        near = np.abs(others - point) < (half_width, half_height)
        return 100 * covered + near.all(axis=1).sum()

    places = curve[[30, 27, 33, 24, 36, 21, 39, 18, 42, 15, 45]]
    x, y = min(places, key=overlap)
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=6.5,
        color=color,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.9},
    )
    return x, y, half_width, half_height


def _draw_legend(axes: Axes) -> None:
    """Say what colours, width and labels mean."""
    meaning = (
        (POSITIVE, "mean weight positive"),
        (NEGATIVE, "negative"),
        (UNWEIGHTED, "no weights"),
    )
    handles = [Line2D([], [], color=color, linewidth=2, label=text) for color, text in meaning]
    rest = "width: size of the mean; label: delay; dotted: gate"
    handles.append(Line2D([], [], color=PALE, linewidth=0, label=rest))
    axes.legend(
        handles=handles,
        loc="lower left",
        ncols=4,
        borderaxespad=0.3,
        handlelength=1.2,
        columnspacing=1.2,
        fontsize=6.5,
    )
