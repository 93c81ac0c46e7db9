"""A condition has one colour in all figures of a report, whichever come first in one of them."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from drmbids.compare.drawing.design import design
from drmbids.compare.drawing.event_responses import event_responses
from drmbids.compare.drawing.style import condition_colors

ALL = ["high", "low", "medium"]


def test_conditions_keep_their_colours() -> None:
    events = pd.DataFrame(
        {"onset": [0.0, 5.0], "duration": [2.0, 2.0], "condition": ["medium", "high"]}
    )
    bars = design(events, 10.0, conditions=ALL).axes[0].patches
    responses = pd.DataFrame(
        {
            "condition": np.repeat(["low", "medium"], 2),
            "duration_s": 1.0,
            "region": "V1",
            "time_s": [0.0, 5.0] * 2,
            "response": [0.0, 1.0] * 2,
        }
    )
    lines = event_responses(responses, conditions=ALL).axes[0].lines[:2]
    wanted = {name: color.lower() for name, color in condition_colors(ALL).items()}
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [wanted["high"], wanted["medium"]]
    assert [to_hex(line.get_color()) for line in lines] == [wanted["low"], wanted["medium"]]
