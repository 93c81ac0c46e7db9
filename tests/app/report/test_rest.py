"""The page of a resting-state fit holds its numbers and figures."""

from pathlib import Path

import numpy as np

from drmbids import Run, Stream, WholeBrain
from drmbids.app.report.rest import write_rest_report


def test_the_page_shows_inputs_figures_and_parameters(tmp_path: Path) -> None:
    make = np.random.default_rng(0)
    shared = make.standard_normal((200, 1)).cumsum(0)
    runs = [
        Run(
            {
                "brain": Stream(
                    shared + make.standard_normal((200, 3)).cumsum(0), 2.0 * np.arange(200)
                )
            },
            tr=2.0,
            entities={"subject": "01", "run": str(k)},
        )
        for k in (1, 2)
    ]
    brain = WholeBrain(
        np.ones((3, 3)) / 3, mass="ornstein_uhlenbeck", coupling=0.3, n_starts=2, n_iterations=20
    ).fit(runs[:1])
    path = write_rest_report(tmp_path / "rest.html", brain, runs[:1], runs[1:])
    text = path.read_text()
    assert text.count("<svg") == 3
    assert "sub-01_run-1" in text and "sub-01_run-2" in text
    assert f"mean of runs: {brain.score(runs[1:]):.3f}" in text
    assert "factor of all tracts" in text and "This part could not be made" not in text
