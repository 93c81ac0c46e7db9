"""Small runs and a model file of two areas."""

from collections.abc import Callable

import numpy as np
import pytest

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream

TWO_AREAS = """\
schema_version: 1
name: two_areas
description: a loop of two areas
resolution_s: 0.5
stimuli:
  events: {conditions: [house, face]}
populations:
  V1: {kind: leaky, units: 6, tau_s: [0.3, 3.0], nonlinearity: tanh}
  FFA: {kind: gru, units: 5}
projections:
  - {from: events, to: V1, delay_s: 0.0}
  - {from: V1, to: FFA, delay_s: 1.5}
  - {from: FFA, to: V1, delay_ticks: 1}
readout:
  kind: bold
  hrf: {kind: double_gamma, shape: glover, trainable: false, per_region: true}
  regions: {V1: [V1], FFA: [V1, FFA]}
  drift: {kind: cosine, high_pass_hz: 0.02}
  confounds: none
training: {n_epochs: 3, window_s: null}
view: {V1: [0, 1.5]}
"""


@pytest.fixture
def two_areas() -> str:
    """Return the text of a model file that leaves nothing open."""
    return TWO_AREAS


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Return a function that makes a run with given regions, conditions and repetition time."""

    def make(
        regions: dict[str, int] | None = None,
        conditions: tuple[str, ...] = ("face", "house"),
        tr: float = 2.0,
        confounds: tuple[str, ...] = (),
        label: str = "1",
    ) -> Run:
        times = tr * np.arange(20)
        rng = np.random.default_rng(0)
        sizes = {"V1": 3, "FFA": 2} if regions is None else regions
        onsets = np.arange(len(conditions), dtype=float)
        return Run(
            {name: Stream(rng.normal(size=(20, n)), times) for name, n in sizes.items()},
            {"events": Events(onsets, np.ones_like(onsets), conditions, columns=conditions)},
            confounds=Stream(rng.normal(size=(20, len(confounds))), times, confounds)
            if confounds
            else None,
            tr=tr,
            entities={"subject": "01", "run": label},
        )

    return make


@pytest.fixture
def runs(make_run: Callable[..., Run]) -> list[Run]:
    """Return two runs of two regions and two conditions."""
    return [make_run(), make_run(label="2")]
