"""The graph of a brain: what is drawn, what it stands for, and that nothing overlaps."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from drmbids.compare.drawing.brain_graph import NEGATIVE, POSITIVE, UNWEIGHTED, brain_graph
from drmbids.compare.drawing.brain_layout import BOX_HEIGHT, layers, place
from drmbids.compare.drawing.style import svg


def _populations(names):
    return [{"name": n, "kind": "GRU", "units": 8, "region": n} for n in names]


def _connections(rows):
    return pd.DataFrame(rows, columns=["source", "target", "delay_s", "weight_mean"])


def _arrows(figure):
    return [p for p in figure.axes[0].patches if type(p).__name__ == "FancyArrowPatch"]


def test_colour_is_the_sign_and_width_the_size():
    rows = [("events", "a", 0.0, 0.5), ("a", "b", 0.05, -0.25), ("b", "a", 1.5, np.nan)]
    figure = brain_graph(_populations("ab"), _connections(rows), {"events": ["x"]})
    arrows = _arrows(figure)
    colors = [to_hex(a.get_edgecolor()).upper() for a in arrows]
    assert colors == [c.upper() for c in (POSITIVE, NEGATIVE, UNWEIGHTED)]
    widths = [a.get_linewidth() for a in arrows]
    assert widths[0] > widths[1] > widths[2]
    texts = {t.get_text() for t in figure.axes[0].texts}
    assert {"50 ms", "1.5 s", "GRU, 8 units", "reads out a"} <= texts
    assert not {"0 ms", "0 s"} & texts


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("kind", ["chain", "fan", "ring"])
def test_boxes_never_overlap_and_every_connection_is_drawn(n, kind):
    names = [f"P{k}" for k in range(n)]
    rows = [("events", name, 0.0, 1.0) for name in (names if kind == "fan" else names[:1])]
    if kind != "fan":
        rows += [(a, b, 0.1, 0.5) for a, b in pairwise(names)]
    if kind == "ring":
        rows.append((names[-1], names[0], 0.1, -0.5))
    table = _connections(rows)
    figure = brain_graph(_populations(names), table, {"events": ["x"]})
    assert len(_arrows(figure)) == len(rows)
    widths = dict.fromkeys([*names, "events"], 1.2)
    edges = list(zip(table["source"], table["target"], strict=True))
    boxes, (width, height) = place(layers(["events"], names, edges), widths)
    assert len(boxes) == n + 1
    for a, b in combinations(boxes.values(), 2):
        apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= BOX_HEIGHT
        assert apart, (a, b)
    for box in boxes.values():
        assert 0 <= box.x - box.width / 2 <= box.x + box.width / 2 <= width
        assert 0 <= box.y - BOX_HEIGHT / 2 <= box.y + BOX_HEIGHT / 2 <= height


def test_a_connection_bows_around_a_box_in_its_way():
    names = ["a", "b", "c"]
    rows = [("events", n, 0.0, 1.0) for n in names] + [("a", "c", 0.1, 1.0)]
    figure = brain_graph(_populations(names), _connections(rows), {"events": ["x"]})
    boxes, _ = place([["events"], names], dict.fromkeys(["events", *names], 1.0))
    path = _arrows(figure)[-1].get_path().vertices
    inside = (np.abs(path - (boxes["b"].x, boxes["b"].y)) < (0.3, BOX_HEIGHT / 2)).all(axis=1)
    assert not inside.any()


def test_a_large_brain_is_a_matrix_with_each_weight_in_its_place():
    names = [f"P{k}" for k in range(20)]
    rows = [("P3", "P7", 0.2, -0.8), ("events", "P0", 0.0, 0.4)]
    figure = brain_graph(_populations(names), _connections(rows), {"events": ["x"]})
    weights = figure.axes[0].images[0].get_array()
    assert weights.shape == (20, 21)
    assert weights[7, 4] == -0.8
    assert weights[0, 0] == 0.4
    assert np.ma.count(np.ma.masked_invalid(weights)) == 2


def test_a_brain_without_connections_is_drawn():
    figure = brain_graph(_populations(["only"]), _connections([]), {})
    assert "only" in {t.get_text() for t in figure.axes[0].texts}


def test_names_are_text_whatever_they_hold():
    hostile = "<script>$a_b$"
    population = {"name": hostile, "kind": "GRU", "units": 1, "region": None}
    assert "<script" not in svg(brain_graph([population], _connections([]), {"s": ["x"]}))


def test_gates_are_dotted_lines_and_synapses_are_named():
    table = _connections([("events", "a", 0.0, 1.0), ("a", "b", 0.5, 0.2)])
    plain = brain_graph(_populations("ab"), table, {"events": ["x"]})
    through, gates = ["none", "Dense, AlphaSynapse"], ["none", "events (x, y)"]
    table = table.assign(through=through, gated_by=gates)
    figure = brain_graph(_populations("ab"), table, {"events": ["x"]})
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len(dotted) == len(dots) == 1 and not plain.axes[0].lines
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "500 ms\nDense\nAlpha" in texts


def test_conditions_stand_beside_the_connection_that_not_all_drive():
    table = _connections([("events", "a", 0.0, 1.0), ("events", "b", 0.0, 0.2)])
    table = table.assign(conditions=["face", "face, house"])
    figure = brain_graph(_populations("ab"), table, {"events": ["face", "house"]})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("face") == 1 and "face, house" not in texts
