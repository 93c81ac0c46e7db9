"""Parameters with their intervals, drawn where they belong."""

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.drawing.parameter_intervals import parameter_intervals
from drmbids.data.tools.exceptions import DataError


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("V1", "tau", 0, 1.0, "s", 0.5, 2.0),
        ("V1", "tau", 1, 2.0, "s", 1.0, 3.0),
        ("readout", "hrf.ratio", 0, 0.2, "1", 0.1, 0.4),
    ]
    columns = ["node", "parameter", "index", "value", "unit", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(method="laplace")


def test_a_panel_for_each_unit_and_a_row_for_each_parameter(table: pd.DataFrame) -> None:
    figure = parameter_intervals(table)
    assert [axes.get_xlabel() for axes in figure.axes] == ["Value (s)", "Value"]
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["V1  tau [0]", "V1  tau [1]"]
    segments = figure.axes[0].collections[0].get_segments()
    np.testing.assert_allclose([s[:, 0] for s in segments], [[0.5, 2.0], [1.0, 3.0]])
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xdata(), [1.0, 2.0])


def test_methods_stand_side_by_side_with_the_truth(table: pd.DataFrame) -> None:
    both = pd.concat([table, table.assign(method="jackknife")])
    figure = parameter_intervals(both, truth=table.assign(value=[1.5, 1.5, 0.3]))
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["laplace", "jackknife", "truth"]
    rows = [s[0, 1] for c in figure.axes[0].collections for s in c.get_segments()]
    assert len(set(np.round(rows, 3))) == 4
    np.testing.assert_allclose(figure.axes[0].lines[-1].get_xdata(), [1.5, 1.5])


def test_what_is_not_known_ends_in_arrows(table: pd.DataFrame) -> None:
    table.loc[1, ["low", "high"]] = [0.0, np.inf]
    axes = parameter_intervals(table).axes[0]
    arrows = {line.get_marker() for line in axes.lines if len(line.get_xdata())}
    assert ">" in arrows
    assert axes.get_xlim()[1] < 20


def test_a_model_without_parameters_and_a_table_of_something_else(table: pd.DataFrame) -> None:
    assert "no trained parameter" in parameter_intervals(table[:0]).axes[0].texts[0].get_text()
    with pytest.raises(DataError, match="'high'"):
        parameter_intervals(table.drop(columns="high"))
