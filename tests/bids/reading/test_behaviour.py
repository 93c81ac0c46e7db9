from pathlib import Path

import numpy as np
import pytest

from drmbids import DRMClassifier, load_behaviour
from drmbids.data.tools.exceptions import DataError

HEADER = "onset\tduration\ttrial_type\tresponse\tresponse_time\n"


def write(tiny: Path, run: int, rows: list[tuple], header: str = HEADER) -> Path:
    path = tiny / "sub-01" / "func" / f"sub-01_task-x_run-{run}_events.tsv"
    path.write_text(header + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def test_choices_and_reaction_times(tiny: Path) -> None:
    write(tiny, 1, [(1, 1, "a", "left", 0.5), (4, 1, "b", "n/a", "n/a"), (8, 1, "a", "right", 1.5)])
    write(tiny, 2, [(1, 1, "a", "left", 0.25), (5, 1, "c", "left", 0.75)])
    one, two = load_behaviour(tiny, reaction_time="response_time")
    choice = one.responses["choice"]
    assert choice.columns == two.responses["choice"].columns == ("left", "right")
    np.testing.assert_array_equal(choice.times, [1.5, 9.5])
    np.testing.assert_array_equal(choice.values, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(two.responses["choice"].values, [[1, 0], [1, 0]])
    np.testing.assert_array_equal(one.responses["reaction_time"].values, [[0.5], [1.5]])
    np.testing.assert_array_equal(one.responses["reaction_time"].times, [1, 8])
    assert one.stimuli["events"].columns == ("a", "b", "c")
    assert one.duration is not None and one.duration > 9.5
    later = load_behaviour(tiny, delay=2.0)[0].responses["choice"]
    np.testing.assert_array_equal(later.times, [3.0, 10.0])


def test_a_classifier_learns_from_them(tiny: Path) -> None:
    rng = np.random.default_rng(0)
    for run in (1, 2):
        shown = rng.permutation(["a", "b"] * 8)
        rows = [(4 * k + 1, 1, s, {"a": "left", "b": "right"}[s], 0.6) for k, s in enumerate(shown)]
        write(tiny, run, rows)
    runs = load_behaviour(tiny)
    fitted = DRMClassifier(n_epochs=20).fit(runs[:1])
    assert fitted.score(runs[1:]) > 0.9


def test_what_cannot_be_behaviour(tiny: Path) -> None:
    write(tiny, 1, [(1, 1, "a", "left", 0.5)])
    write(tiny, 2, [(1, 1, "a", "left", 0.5)])
    with pytest.raises(DataError, match="'response' holds 1 different choices in 2 runs"):
        load_behaviour(tiny)
    with pytest.raises(DataError, match="no column 'button'"):
        load_behaviour(tiny, choice="button")
    write(tiny, 1, [(1, 1, "a", "left", 3), (2, 1, "b", "right", 2)])
    with pytest.raises(DataError, match=r"two answers at or before 4 s.*delay="):
        load_behaviour(tiny)
