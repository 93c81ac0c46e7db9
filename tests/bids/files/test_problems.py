"""Problems: one line each, all at once, and fit to be sent to another process."""

import pickle

import pytest

from drmbids.bids.files.problems import (
    Problem,
    ProblemError,
    ProblemWarning,
    collecting,
    error,
    raise_all,
    warn,
)
from drmbids.data.tools.exceptions import DataError, DataWarning

LATE = Problem("EV06", "a_events.tsv", "1 of 4 events lie outside", "check onsets", "line 3")
TWICE = Problem("EV04", "a_events.tsv", "repeats line 2", "remove one", "line 4")


def test_errors_hold_all_problems_and_show_the_first() -> None:
    raise_all([])
    with pytest.raises(DataError, match=r"^a_events.tsv: line 4: .*\[EV04\] \(and 1 more\)$"):
        raise_all([TWICE, LATE])
    found: list[Problem] = []
    for _ in range(2):
        with collecting(found):
            raise error("DS01", "ds", "is not a folder", "give one")
    assert [str(p) for p in found] == ["ds: is not a folder; give one [DS01]"] * 2


def test_warnings_are_data_warnings_with_their_problem() -> None:
    with pytest.warns(DataWarning, match=r"\[EV06\]$") as caught:
        warn("EV06", "a_events.tsv", LATE.found, LATE.remedy, LATE.where)
    assert isinstance(caught[0].message, ProblemWarning)
    assert caught[0].message.problem == LATE


@pytest.mark.parametrize("thing", [ProblemError([TWICE, LATE]), ProblemWarning(LATE)])
def test_they_survive_the_way_to_another_process(thing: Exception) -> None:
    again = pickle.loads(pickle.dumps(thing))
    assert str(again) == str(thing) and vars(again) == vars(thing)


def test_fields_for_json() -> None:
    assert LATE.as_dict() == {
        "severity": "warning",
        "code": "EV06",
        "file": "a_events.tsv",
        "found": "1 of 4 events lie outside",
        "remedy": "check onsets",
        "where": "line 3",
    }
