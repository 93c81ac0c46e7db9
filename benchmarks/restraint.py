"""Maps averaged by evidence, and epochs that the data choose, beside the linear models of users.

Models start as linear models: units of one condition each, without delay, SPM's response, and
deviations of its shape, whose share the evidence decides. ``start`` stays there, ``slow`` has units
with time constants of 3 and 10 s beside them; ``trained`` has these too, is coupled where there are
several regions, and is trained for as many epochs as predict left-out parts of the training data
best. Nothing was chosen on the studies that are simulated; grids of variances and the rule for
epochs were chosen while looking at the measured data sets, so read those as a little high.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nilearn.glm.first_level import make_first_level_design_matrix

from benchmarks.accuracy.data import data_folder
from benchmarks.accuracy.localizer import load as load_localizer
from benchmarks.accuracy.nitime_mt import load as load_mt
from benchmarks.rows import Row
from drmbids import (
    BlockFolds,
    DRMRegressor,
    Events,
    GLMBaseline,
    HRFLibrary,
    RidgeBaseline,
    Run,
    Stream,
    compare_models,
    free_hrf_baseline,
    load_runs,
)

#: Time constants in s where there is hardly any delay, and slow ones beside it.
FAST, SLOW = (0.01,), (0.01, 3.0, 10.0)

#: Simulated studies in which a GLM is the truth.
N_STUDIES = 200

#: What an experienced user would fit, by name.
RIVALS: dict[str, Callable[[], Any]] = {
    "glm spm": lambda: GLMBaseline("spm"),
    "glm glover + d": lambda: GLMBaseline("glover + derivative"),
    "ridge fir": RidgeBaseline,
    "ridge smooth": free_hrf_baseline,
    "hrf library": HRFLibrary,
}


def model(taus: Sequence[float] = FAST, coupled: bool = True) -> dict[str, Any]:
    """Return a model that starts as a linear one, its maps averaged by evidence."""
    units = {"kind": "leaky", "units": "auto", "nonlinearity": "elu", "start": "single"}
    restraint = {"tau_s": list(taus), "weight_prior": {"kind": "start", "sd": 0.5}}
    projections: list[dict[str, Any]] = [{"from": "events", "to": "each_region"}]
    if coupled:
        projections.append({"from": "each_region", "to": "each_region", "delay_ticks": 1})
    return {
        "schema_version": 1,
        "stimuli": {"events": {}},
        "populations": {"each_region": {**units, **restraint}},
        "projections": projections,
        "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "derivatives": "shape"}},
        "training": {"maps": "evidence", "n_epochs": "auto"},
    }


def start() -> DRMRegressor:
    """Return the model as it starts."""
    return DRMRegressor(model(coupled=False), n_epochs=0)


def slow() -> DRMRegressor:
    """Return the model as it starts, with slow units."""
    return DRMRegressor(model(SLOW, coupled=False), n_epochs=0)


def trained() -> DRMRegressor:
    """Return the model, trained as far as that is a gain."""
    return DRMRegressor(model(SLOW))


def haxby(acquisition: str) -> tuple[list[Run], Any]:
    """Return twelve runs, each of which is left out."""
    folder, who = data_folder() / "haxby_bids", {"subject": "01", "task": "objectviewing"}
    return load_runs(folder, acquisition=acquisition, **who), None


def contrast() -> tuple[list[Run], Any]:
    """Return the five runs of the first participant of the data that come with the package."""
    folder = Path(__file__).parents[1] / "data" / "contrast"
    stem = folder / "derivatives/preprocessed/sub-01/func/sub-01_task-contrast"
    masks = {area: f"{stem}_desc-{area}_mask.nii.gz" for area in ("V1", "V2")}
    return load_runs(folder, subject="01", atlas_or_mask=masks), None


DATA: dict[str, Callable[[], tuple[list[Run], Any]]] = {
    "haxby 25mm": lambda: haxby("25mm"),
    "haxby 1slice": lambda: haxby("1slice"),
    "localizer": lambda: ([load_localizer()], BlockFolds(guard=0.0)),
    "nitime MT+": lambda: (load_mt(), None),
    "contrast": contrast,
}


def measured(name: str, ours: Sequence[Callable[[], Any]]) -> list[Row]:
    """Return mean r over targets, held out, of our models and of the best linear one."""
    runs, cv = DATA[name]()
    models = {kind: make() for kind, make in RIVALS.items()} | {m.__name__: m() for m in ours}
    scores = compare_models(models, runs, cv=cv).per_target().groupby("model")[["r", "r2"]].mean()
    best = str(scores.loc[list(RIVALS), "r"].idxmax())
    goal = float(scores.loc[best, "r"])
    return [
        Row(
            name,
            str(kind),
            "mean r, held out",
            float(row["r"]),
            goal,
            False,
            f"R2 {row['r2']:.4f}; best linear: {best}",
        )
        for kind, row in scores.iterrows()
    ]


def study(seed: int) -> list[Run]:
    """Return two runs of a small study in which a GLM is the truth; the second is held out."""
    rng = np.random.default_rng(seed)
    n, tr = int(rng.integers(100, 301)), float(rng.choice([0.8, 1.5, 2.0, 3.0]))
    conditions = [f"c{k}" for k in range(rng.integers(2, 13))]
    share, rho, n_targets = 10 ** rng.uniform(np.log10(0.02), np.log10(0.5)), 0.3, 10
    effects = rng.standard_normal((len(conditions), n_targets))
    runs = []
    for _ in range(2):
        times, n_events = tr * np.arange(n), max(3 * len(conditions), int(n * tr / 12))
        onsets = np.sort(rng.uniform(0, n * tr - 10, n_events))
        shown = rng.permutation(np.resize(conditions, n_events))
        table = pd.DataFrame({"onset": onsets, "duration": 2.0, "trial_type": shown})
        design = make_first_level_design_matrix(times, table, hrf_model="spm", drift_model=None)
        signal = design[conditions].to_numpy() @ effects
        noise = rng.standard_normal((n, n_targets))
        for k in range(1, n):
            noise[k] = rho * noise[k - 1] + np.sqrt(1 - rho**2) * noise[k]
        values = np.sqrt(share) * signal / signal.std(0) + np.sqrt(1 - share) * noise
        events = Events(onsets, np.full(n_events, 2.0), shown.tolist())
        runs.append(Run({"V1": Stream(values, times)}, {"events": events}, tr=tr))
    return runs


def studies() -> list[Row]:
    """Return how much R2 the start costs where a GLM fitted by least squares is the truth."""
    gain = []
    for seed in range(N_STUDIES):
        train, test = study(seed)
        least_squares = GLMBaseline("spm").fit([train]).score([test])
        gain.append(start().fit([train]).score([test]) - least_squares)
    found, who = np.array(gain), f"{N_STUDIES} studies, seeds from 0"
    spread = f"{who}; quartiles {', '.join(f'{q:.4f}' for q in np.quantile(found, [0.25, 0.75]))}"
    worse = float(np.mean(found < -0.01))
    return [
        Row(
            "small studies", "start", "R2 over the GLM's, mean", found.mean(), -0.002, False, spread
        ),
        Row("small studies", "start", "share worse by more than .01", worse, 0.05, True, who),
    ]


ROWS: dict[str, Callable[[], list[Row]]] = {
    "small-studies": studies,
    "haxby-25mm": lambda: measured("haxby 25mm", [start, slow]),
    "haxby-1slice": lambda: measured("haxby 1slice", [start, slow]),
    "localizer": lambda: measured("localizer", [start, slow, trained]),
    "nitime-mt": lambda: measured("nitime MT+", [start, slow]),
    "contrast": lambda: measured("contrast", [start, slow, trained]),
}
