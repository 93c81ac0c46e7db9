import numpy as np

from drmbids.data.runs.space import PlaceSpace


def test_values_go_to_their_places_and_back() -> None:
    space = PlaceSpace(list("abcde"), {"V1": np.array([4, 0]), "MT": np.array([2])})
    series = {"V1": np.arange(6.0).reshape(3, 2), "MT": np.full((3, 1), 9.0)}
    filled = space.filled(series, fill=-1.0)
    np.testing.assert_array_equal(filled[1], [3.0, -1.0, 9.0, -1.0, 2.0])
    np.testing.assert_array_equal(filled[:, space.places["V1"]], series["V1"])
    kept = space.keep({"V1": np.array([False, True]), "MT": np.array([True])})
    assert (kept.columns("V1"), kept.columns("MT"), space.columns("V1")) == (
        ["a"],
        ["c"],
        ["e", "a"],
    )
