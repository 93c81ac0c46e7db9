"""Choices become a response with a column for each class."""

import numpy as np
import pytest

from drmbids.data.runs.choices import choice_stream
from drmbids.data.tools.exceptions import DataError


def test_a_row_has_one_choice_or_none():
    stream = choice_stream([1, 2, 4, 7], ["b", None, "c", ""], classes=["c", "a", "b"])
    assert stream.columns == ("c", "a", "b")
    np.testing.assert_array_equal(stream.times, [1, 2, 4, 7])
    np.testing.assert_array_equal(stream.values[[0, 2]], [[0, 0, 1], [1, 0, 0]])
    assert np.isnan(stream.values[[1, 3]]).all()


@pytest.mark.parametrize(
    ("times", "choices", "classes", "message"),
    [
        ([1, 2], ["a", "a"], (), r"two classes or more, found \['a'\]"),
        ([1, 2], ["a", "x"], ("a", "b"), r"\['x'\] are not among the classes"),
        ([1, 2, 3], ["a", "b"], (), "n_times"),
        ([2, 1], ["a", "b"], (), "increasing"),
    ],
)
def test_what_are_no_choices_is_refused(times, choices, classes, message):
    with pytest.raises(DataError, match=message):
        choice_stream(times, choices, classes)
