"""Figures of the resting state show the numbers they are given."""

import numpy as np
import pytest

from drmbids.compare.drawing.rest import connectivity, connectivity_dynamics, spectra
from drmbids.compare.drawing.style import svg


@pytest.fixture
def matrices() -> tuple[np.ndarray, np.ndarray]:
    make = np.random.default_rng(0)
    shared = make.standard_normal((100, 1))
    return tuple(np.corrcoef((shared + make.standard_normal((100, 6))).T) for _ in range(2))  # type: ignore[return-value]


def test_connectivity_shows_matrices_and_pairs(matrices: tuple[np.ndarray, np.ndarray]) -> None:
    measured, model = matrices
    figure = connectivity(measured, model, list("abcdef"))
    left, middle, right = figure.axes[:3]
    for axes, matrix in ((left, measured), (middle, model)):
        shown = axes.images[0].get_array()
        off = ~np.eye(6, dtype=bool)
        np.testing.assert_array_equal(np.asarray(shown)[off], matrix[off])
    upper = np.triu_indices(6, 1)
    points = right.collections[0].get_offsets()
    np.testing.assert_array_equal(points, np.column_stack((measured[upper], model[upper])))
    r = np.corrcoef(measured[upper], model[upper])[0, 1]
    assert right.get_title(loc="left") == f"15 pairs, r = {r:.2f}"
    assert [t.get_text() for t in left.get_yticklabels()] == list("abcdef")
    assert svg(figure) == svg(connectivity(measured, model, list("abcdef")))


def test_connectivity_without_pairs_says_so() -> None:
    nothing = np.full((3, 3), np.nan)
    figure = connectivity(nothing, nothing)
    assert "no pair of regions" in figure.axes[2].texts[0].get_text()


def test_spectra_show_medians() -> None:
    power = np.array([[1.0, 2.0, 9.0], [2.0, 3.0, 4.0]])
    figure = spectra(np.array([0.01, 0.02]), {"measured": power, "model": 2 * power})
    lines = figure.axes[0].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), [2.0, 3.0])
    np.testing.assert_array_equal(lines[1].get_ydata(), [4.0, 6.0])
    assert "mathdefault" not in svg(figure)
    figure.draw_without_rendering()
    assert not any("$" in label.get_text() for label in figure.axes[0].get_yticklabels())


def test_dynamics_show_matrices_and_shares() -> None:
    fcd = np.array([[1.0, 0.5, 0.1], [0.5, 1.0, 0.5], [0.1, 0.5, 1.0]])
    figure = connectivity_dynamics(fcd, fcd[:2, :2], np.array([30.0, 36.0, 42.0]))
    left, middle, right = figure.axes[:3]
    np.testing.assert_array_equal(left.images[0].get_array(), fcd)
    assert left.images[0].get_extent() == [27.0, 45.0, 45.0, 27.0]
    assert middle.images[0].get_extent() == [27.0, 39.0, 39.0, 27.0]
    shares = [patch.get_data().values for patch in right.patches]
    assert [s.sum() for s in shares] == pytest.approx([1.0, 1.0])
    assert shares[0].max() == pytest.approx(2 / 3)
