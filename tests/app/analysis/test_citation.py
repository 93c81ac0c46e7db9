"""Every hemodynamic model has words of its own in the methods text."""

from typing import Any

import pytest

from drmbids.app.analysis.citation import describe_hemodynamics
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma


def test_every_response_and_readout_has_a_sentence() -> None:
    readouts: list[Any] = [BOLD([2], [3], hrf=HRFS[name]()) for name in HRFS]
    readouts += [READOUTS[name]([2], [3]) for name in READOUTS if name != "bold"]
    said = [describe_hemodynamics(readout) for readout in readouts]
    assert len(set(said)) == len(said)
    # the name of a class in brackets is what stands for words that are missing
    assert not [text for text in said for name in (*HRFS, *READOUTS) if f"({name}" in text.lower()]
    assert not [text for text in said if "(NoneType)" in text or "HRF)" in text]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trainable": False}, "a double-gamma hemodynamic response (Friston et al., 1998)"),
        (
            {"derivatives": "time"},
            "a double-gamma hemodynamic response (Friston et al., 1998) whose parameters were "
            "fitted, with its time derivative",
        ),
    ],
)
def test_what_was_fitted_is_said(options: dict, words: str) -> None:
    assert describe_hemodynamics(BOLD([2], [3], hrf=DoubleGamma(**options))) == words
