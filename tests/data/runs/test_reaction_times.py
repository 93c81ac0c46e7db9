"""Reaction times become logarithms at times that say nothing of them."""

import numpy as np
import pytest

from drmbids.data.runs.reaction_times import reaction_time_stream
from drmbids.data.tools.exceptions import DataError


def test_times_do_not_depend_on_the_answers() -> None:
    one = reaction_time_stream([1.0, 4.0], [0.3, 0.9], after=0.5)
    other = reaction_time_stream([1.0, 4.0], [1.3, np.nan], after=0.5)
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_allclose(np.exp(one.values[:, 0]), [0.3, 0.9])
    assert np.isnan(other.values[1, 0])


def test_faulty_times() -> None:
    with pytest.raises(DataError, match="trial 1"):
        reaction_time_stream([1.0, 4.0], [0.3, 0.0], after=0.5)
    with pytest.raises(DataError, match="2 onsets and 1 reaction"):
        reaction_time_stream([1.0, 4.0], [0.3], after=0.5)
