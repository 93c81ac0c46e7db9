"""Numbers and seeds of any kind are taken, or refused in one line."""

import numpy as np
import pandas as pd
import pytest

from drmbids.data.tools.arguments import positive_number, seed_of, whole_number
from drmbids.data.tools.exceptions import UsageError


@pytest.mark.parametrize("value", [5, np.int8(5), np.uint64(5), pd.Series([5])[0]])
def test_integers_of_any_kind(value: object) -> None:
    assert whole_number("n", value) == 5 and type(whole_number("n", value)) is int


@pytest.mark.parametrize("value", ["5", 5.0, None, True, -1, pd.NA, [5]])
def test_what_is_not_an_integer(value: object) -> None:
    with pytest.raises(UsageError, match="n must be an integer, 0 or more, got"):
        whole_number("n", value)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array([0.5])[0]])
def test_positive_numbers_of_any_kind(value: object) -> None:
    assert positive_number("a", value) == 0.5


@pytest.mark.parametrize("value", ["1", 0, -1.0, np.nan, np.inf, None, True, pd.NA])
def test_what_is_not_a_positive_number(value: object) -> None:
    with pytest.raises(UsageError, match="a must be a finite number above 0, got"):
        positive_number("a", value)


def test_seeds_are_numbers_or_drawn() -> None:
    assert seed_of("s", np.int64(3)) == 3
    for kind in (np.random.RandomState, np.random.default_rng):
        source, same = kind(1), kind(1)
        drawn = [seed_of("s", source) for _ in range(2)]
        assert drawn[0] != drawn[1]
        assert drawn == [seed_of("s", same) for _ in range(2)]
    with pytest.raises(UsageError, match=r"RandomState or Generator, got 1\.5"):
        seed_of("s", 1.5)
