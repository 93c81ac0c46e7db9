"""Where the boxes of a brain graph stand, in inches."""

from collections.abc import Sequence
from dataclasses import dataclass

BOX_HEIGHT = 0.56
_GAP_ALONG, _GAP_ACROSS = 0.95, 0.5  # between layers; between the boxes of one layer
_MARGIN = 0.2
_WIDEST_ROW = 4  # layers that fit beside each other; more are stacked from top to bottom


@dataclass(frozen=True)
class Box:
    """One box of the graph: its name and, in inches, its centre and width."""

    name: str
    x: float
    y: float
    width: float
    layer: int


def layers(
    stimuli: Sequence[str], populations: Sequence[str], edges: Sequence[tuple[str, str]]
) -> list[list[str]]:
    """Return the nodes by their distance from the stimuli, stimuli first.

    Parameters
    ----------
    stimuli, populations : sequence of str
        Names of the nodes.
    edges : sequence of tuple (source, target)
        Connections between them.

    Returns
    -------
    list of list of str
        Populations that no stimulus reaches stand beside the first ones.

    Examples
    --------
    >>> layers(["events"], ["V1", "V5"], [("events", "V1"), ("V1", "V5"), ("V5", "V1")])
    [['events'], ['V1'], ['V5']]
    """
    depth = dict.fromkeys(stimuli, 0)
    frontier = list(stimuli)
    while frontier:
        reached = [t for s, t in edges if s in frontier and t not in depth and t in populations]
        frontier = list(dict.fromkeys(reached))
        depth.update(dict.fromkeys(frontier, max(depth.values()) + 1))
    for name in populations:
        depth.setdefault(name, 1)
    nodes = [*stimuli, *populations]
    found = [[n for n in nodes if depth[n] == k] for k in range(max(depth.values(), default=0) + 1)]
    return [layer for layer in found if layer]


def place(
    layered: Sequence[Sequence[str]], widths: dict[str, float]
) -> tuple[dict[str, Box], tuple[float, float]]:
    """Return a box for each node and the size of the whole in inches.

    Parameters
    ----------
    layered : sequence of sequence of str
        Nodes by layer; up to five layers run from left to right, more from top to bottom.
    widths : dict
        Width of each box in inches.

    Returns
    -------
    boxes : dict of str to Box
    size : tuple (width, height)

    Examples
    --------
    >>> boxes, size = place([["events"], ["V1"]], {"events": 1.0, "V1": 1.0})
    >>> boxes["events"].x < boxes["V1"].x, boxes["events"].y == boxes["V1"].y
    (True, True)
    """
    if len(layered) <= _WIDEST_ROW + 1:
        return _left_to_right(layered, widths)
    return _top_to_bottom(layered, widths)


def _left_to_right(
    layered: Sequence[Sequence[str]], widths: dict[str, float]
) -> tuple[dict[str, Box], tuple[float, float]]:
    """Each layer is a column, centred vertically."""
    step = BOX_HEIGHT + _GAP_ACROSS
    height = max(len(layer) for layer in layered) * step - _GAP_ACROSS + 2 * _MARGIN
    boxes, left = {}, 0.15
    for k, layer in enumerate(layered):
        width = max(widths[n] for n in layer)
        top = height / 2 + (len(layer) - 1) * step / 2
        for i, name in enumerate(layer):
            boxes[name] = Box(name, left + width / 2, top - i * step, widths[name], k)
        left += width + _GAP_ALONG
    return boxes, (left - _GAP_ALONG + 0.15, height)


def _top_to_bottom(
    layered: Sequence[Sequence[str]], widths: dict[str, float]
) -> tuple[dict[str, Box], tuple[float, float]]:
    """Each layer is a row, centred horizontally."""
    spans = [sum(widths[n] + _GAP_ALONG for n in layer) - _GAP_ALONG for layer in layered]
    width = max(spans) + 2 * _MARGIN
    step = BOX_HEIGHT + _GAP_ACROSS
    height = len(layered) * step - _GAP_ACROSS + 2 * 0.2
    boxes = {}
    for k, (layer, span) in enumerate(zip(layered, spans, strict=True)):
        left = (width - span) / 2
        for name in layer:
            y = height - 0.2 - BOX_HEIGHT / 2 - k * step
            boxes[name] = Box(name, left + widths[name] / 2, y, widths[name], k)
            left += widths[name] + _GAP_ALONG
    return boxes, (width, height)
