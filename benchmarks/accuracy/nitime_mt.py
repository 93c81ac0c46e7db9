"""Six kinds of moving dots in area MT+: event-related runs that the package nitime carries."""

from importlib.resources import files

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import SEEDS
from benchmarks.rows import Row
from drmbids import (
    DRMRegressor,
    Events,
    GLMBaseline,
    RidgeBaseline,
    Run,
    Stream,
    compare_models,
)

TR = 2.0
#: The series has no marks, but a pause of 20 s or so every 280 volumes, and 8 events of each
#: condition in each of these stretches.
N_RUNS = 12
#: Volumes that responses last, from the one in which an event starts.
N_DELAYS = 14
LENGTH = TR * N_DELAYS
#: From a volume, in the middle of its TR, back to the starts of that TR and those before.
DELAYS = [TR * (d + 0.5) for d in range(N_DELAYS)]

_LINEAR = {"kind": "additive", "nonlinearity": "linear"}

#: A smooth response of each condition, drawn to what all conditions have in common as far as runs
#: left out in training say: a population for either, with penalties of their own.
MODEL = {
    "schema_version": 1,
    "resolution_s": 1.0,
    "stimuli": {"events": {}},
    "populations": {
        "common": {**_LINEAR, "units": 1},
        "conditions": {**_LINEAR, "units": 6},
    },
    "projections": [{"from": "events", "to": name} for name in ("common", "conditions")],
    "readout": {
        "kind": "bold",
        "hrf": {"kind": "fir", "n_delays": 27, "length_s": LENGTH, "smoothness_s": 2.0},
        "regions": {"MT": ["common", "conditions"]},
    },
    "training": {"n_epochs": 10},
}


def load() -> list[Run]:
    """Return the runs; a volume stands for the middle of the TR that it was measured in."""
    with (files("nitime") / "data" / "event_related_fmri.csv").open() as file:
        table = pd.read_csv(file)
    runs = []
    for k, part in enumerate(np.split(np.arange(len(table)), N_RUNS)):
        bold, codes = table["bold"].to_numpy()[part], table["events"].to_numpy(int)[part]
        shown = np.flatnonzero(codes)
        events = Events(
            TR * shown, np.full(len(shown), TR), [f"condition {code}" for code in codes[shown]]
        )
        responses = {"MT": Stream(bold[:, None], TR * (np.arange(len(part)) + 0.5))}
        runs.append(Run(responses, {"events": events}, tr=TR, entities={"run": f"{k + 1:02d}"}))
    return runs


def nitime_mt() -> list[Row]:
    """Return R2 of MT+, every run left out in turn."""
    runs, found = load(), {}
    for name, models in {
        "fir": [RidgeBaseline(DELAYS, alphas=[1e-9])],  # as good as least squares
        "ridge fir": [RidgeBaseline(DELAYS)],
        "glm spm": [GLMBaseline("spm")],
        "drm smooth fir": [DRMRegressor(MODEL, random_state=seed) for seed in SEEDS],
    }.items():
        tables = [compare_models({name: model}, runs).per_target() for model in models]
        found[name] = [float(table["r2"].mean()) for table in tables]
    targets = {"fir": 0.22, "ridge fir": 0.22, "glm spm": 0.12}
    targets["drm smooth fir"] = max(found["fir"][0], found["ridge fir"][0])
    return [
        Row(
            "nitime MT+",
            name,
            "R2, runs left out",
            float(np.mean(values)),
            targets[name],
            False,
            f"{len(values)} seeds, range {np.ptp(values):.4f}" if len(values) > 1 else "",
        )
        for name, values in found.items()
    ]
