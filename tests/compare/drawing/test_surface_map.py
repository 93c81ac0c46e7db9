import numpy as np
import pytest

from drmbids.compare.drawing.style import svg
from drmbids.compare.drawing.surface_map import surface_map
from drmbids.data.tools.exceptions import DataError

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])


def test_two_views_of_each_hemisphere_and_a_colour_bar() -> None:
    meshes = dict.fromkeys("LR", (POINTS, FACES))
    values = {"L": np.array([0.1, np.nan, 0.3, 0.4]), "R": np.array([0.1, 0.2, 0.3, 0.9])}
    figure = surface_map(meshes, values, label="r", limits=(0.0, 1.0))
    assert [a.get_title() for a in figure.axes[:4]] == [
        *("left, lateral", "left, medial", "right, lateral", "right, medial"),
    ]
    assert figure.axes[4].get_ylim() == (0.0, 1.0)
    assert "<image" in svg(figure)  # triangles are drawn as pixels


def test_no_score_and_another_mesh() -> None:
    empty = surface_map({"L": (POINTS, FACES)}, {"L": np.full(4, np.nan)})
    assert "no vertex has a score" in empty.axes[0].texts[0].get_text()
    with pytest.raises(DataError, match="5 values, but the mesh has 4 vertices"):
        surface_map({"L": (POINTS, FACES)}, {"L": np.zeros(5)})
