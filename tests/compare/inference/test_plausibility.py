"""Parameters at limits, beyond the data, and responses at unusual times are named."""

import numpy as np
import pandas as pd

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.compare.inference.plausibility import implausible_parameters, odd_peaks
from drmbids.data.runs.run import Run


def test_limits_and_lengths_are_named() -> None:
    net = DRMNet(
        {"A": Leaky(1, 1, tau=2.0), "B": Leaky(1, 1, tau=500.0)},
        ws=[[DRMConnection()], [None]],
        Wp=[[None, None], [LearnedDelay(1.999, 0.5, 2.0), None]],
        readout=BOLD([1, 1], [1, 1]),
        stimuli={"events": ["a"]},
        resolution=0.5,
    )
    run = Run({}, {}, duration=200.0, tr=2.0)
    found = implausible_parameters(net, [run])
    assert found == [
        "tau of B is 500 s, longer than the longest run of 200 s",
        "delay of A -> B is 2 s, at its limit of 2 s",
    ]
    for name in ("delay", "undershoot"):
        net.readout.hrf.set_value(name, {"delay": 3.01, "undershoot": 16.0}[name])
    assert "hrf.delay of readout is 3.01 s, at its limit of 3 s" in implausible_parameters(
        net, [run]
    )


def test_odd_peaks_are_those_of_brief_events() -> None:
    table = pd.DataFrame(
        {
            "condition": ["a", "b", "a", "c", "d", "b"],
            "duration_s": [1.0, 1.0, 20.0, 1.0, 1.0, 1.0],
            "region": ["V1"] * 5 + ["V2"],
            "peak_s": [0.1, 5.0, 20.0, np.nan, 0.12, 9.0],
            "height": 1.0,
        }
    )
    assert odd_peaks(table) == [
        "V1 responds to a and d after 0.1 s",
        "V2 responds to b after 9.0 s",
    ]
