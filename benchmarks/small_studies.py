"""Models in small simulated studies, of a linear truth and of dynamics, beside linear models.

Studies come from ``tests/families.py``, without any code of the package. A model is given by a
function that makes it; all rows of a family are had from the same studies, which are numbered by
their seeds, from 0. R2 is that of measured series, held out; a fit that fails counts as R2 0 and is
told of.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

from benchmarks.restraint import start
from benchmarks.rows import Absent, Row
from benchmarks.simulator import load_simulator
from drmbids import (
    DRMRegressor,
    Events,
    GLMBaseline,
    RidgeBaseline,
    Run,
    Stream,
    free_hrf_baseline,
    parameter_intervals,
)
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import TrainingError, TrainingWarning
from drmbids.maths.metrics.scores import score_run

families = load_simulator("families")

#: Studies of each family: where a GLM is the truth, elsewhere (some four minutes of one core), and
#: for intervals of time constants.
N_LINEAR, N_STUDIES, N_INTERVALS = 200, 40, 10

#: An interval calls a time constant known whose half is at most this share of the estimate.
KNOWN = 0.25

#: Families whose activity has dynamics, and those where only the response differs.
DYNAMIC = ("adaptation", "saturation", "delayed area", "feedback")
SHAPES = ("response", "response spread")

#: A time constant in s that BOLD cannot tell from none.
AT_ONCE = 0.3

#: Seconds between values of predicted responses to an event.
STEP_S = 0.1

Make = Callable[[], Any]

#: Linear models as their users run them.
RIVALS: dict[str, Make] = {
    "glm": lambda: GLMBaseline("spm"),
    "smooth": free_hrf_baseline,
    "fir": RidgeBaseline,
}


def study(family: str, seed: int) -> tuple[list[Run], list[Run], Any]:
    """Return runs to train on, the one that is held out, and what they were drawn from.

    The last is a ``families.Study``; ``clean[-1]`` are series of the held-out run without noise.
    """
    drawn, runs = families.draw(family, seed), []
    names = [f"c{k}" for k in range(drawn.n_conditions)]
    for number, (design, series) in enumerate(zip(drawn.designs, drawn.measured, strict=True)):
        shown = [names[k] for k in design.conditions]
        events = Events(design.onsets, design.durations, shown, columns=names)
        times = drawn.tr * np.arange(len(series["V1"]))
        responses = {area: Stream(values, times) for area, values in series.items()}
        entities = {"run": str(number)}
        runs.append(Run(responses, {"events": events}, tr=drawn.tr, entities=entities))
    return runs[:-1], runs[-1:], drawn


def responses(fit: Any, drawn: Any) -> dict[str, np.ndarray]:
    """Return predicted responses to an event of 1 s of each condition by area.

    Of shape (n_conditions, n_times, n_targets); a run without events is taken from each.
    """
    names = [f"c{k}" for k in range(drawn.n_conditions)]
    shown = [Events([0.0], [families.BRIEF], [name], columns=names) for name in names]
    shown.insert(0, Events([], [], [], columns=names))
    silent = {"duration": families.LENGTH, "tr": STEP_S}
    series = fit.predict([Run({}, {"events": events}, **silent) for events in shown])
    found = np.stack([one - series[0] for one in series[1:]])
    ends = np.cumsum(list(fit.regions_.values()))[:-1]
    return dict(zip(fit.regions_, np.split(found, ends, axis=2), strict=True))


def peak_error(fit: Any, drawn: Any) -> float:
    """Return how far the peak of the dominant response is from the truth, in s, over areas."""
    errors = []
    for area, found in responses(fit, drawn).items():
        true = drawn.responses[area]
        at = families.dominant_peak(true, families.STEP * np.arange(true.shape[1]))
        found_at = families.dominant_peak(found, STEP_S * np.arange(found.shape[1]))
        errors.append(abs(found_at - at))
    return float(np.mean(errors))


def best_scores(test: Run, drawn: Any) -> dict[str, float]:
    """Return the R2 of the signal itself in the held-out run, and where dynamics are known.

    The latter by ridge regression on what channels truly show: maps are all that is learned.
    """
    signal = np.concatenate(list(drawn.clean[-1].values()), 1)
    regions = {area: values.shape[1] for area, values in drawn.clean[-1].items()}
    parts = []
    for area in regions:
        shown = [run[area] - run[area].mean(0) for run in drawn.regressors]
        values = np.concatenate([run[area] - run[area].mean(0) for run in drawn.measured[:-1]])
        unit = np.concatenate(shown).std(0)
        ridge = RidgeCV(np.logspace(-1, 4, 16), fit_intercept=False, alpha_per_target=True)
        ridge.fit(np.concatenate(shown[:-1]) / unit, values)
        parts.append(ridge.predict(shown[-1] / unit))
    series = {"best": signal, "known": np.concatenate(parts, 1)}
    return {
        name: float(score_run(test, values, regions, Nuisance())["r2"].mean())
        for name, values in series.items()
    }


def scores(family: str, models: Mapping[str, Make], n_studies: int, first: int = 0) -> pd.DataFrame:
    """Return R2 of each model in each study, and errors of peaks, but for those of rivals.

    Parameters
    ----------
    family : str
        Of ``families.FAMILIES``.
    models : mapping of str to callable
        What makes each.
    n_studies, first : int
        How many, and the seed of the first.

    Returns
    -------
    DataFrame
        Columns ``seed, model, r2, peak_error, failed, beyond_glm, share``, and ``best`` and
        ``known`` of :func:`best_scores`.
    """
    rows = []
    for seed in range(first, first + n_studies):
        train, test, drawn = study(family, seed)
        best = best_scores(test[0], drawn)
        for name, make in models.items():
            row = {"seed": seed, "model": name, "r2": 0.0, "peak_error": np.nan, "failed": False}
            row |= {"beyond_glm": drawn.beyond_glm, "share": drawn.share, **best}
            try:
                fit = make().fit(train)
                row["r2"] = float(fit.score(test))
                if name not in RIVALS:
                    row["peak_error"] = peak_error(fit, drawn)
            except TrainingError:
                row["failed"] = True
            rows.append(row)
    return pd.DataFrame(rows)


def over(table: pd.DataFrame, model: str, rival: str) -> np.ndarray:
    """Return the R2 of a model over that of another in each study."""
    r2 = table.pivot(index="seed", columns="model", values="r2")
    return (r2[model] - r2[rival]).to_numpy()


def told(values: np.ndarray) -> str:
    """Return median, quartiles and the standard error of the mean as text."""
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    error = np.nanstd(values, ddof=1) / np.sqrt(np.isfinite(values).sum())
    return f"median {middle:.4f} ({low:.4f} to {high:.4f}), s.e. of the mean {error:.4f}"


def rows_of(family: str, table: pd.DataFrame, name: str) -> list[Row]:
    """Return the rows of a model in the studies of a family, scored with the rivals."""
    found = table[table["model"] == name]
    means = table.groupby("model", sort=False)["r2"].mean()
    who = f"{len(found)} studies, seeds from {found['seed'].min()}"
    shares = "; mean R2 " + ", ".join(f"{m} {r2:.4f}" for m, r2 in means.items())
    shares += f", known dynamics {found['known'].mean():.4f}"
    shares += f", the signal itself {found['best'].mean():.4f}"
    beyond = f"; a GLM misses {found['beyond_glm'].median():.2f} of the signal (median)"
    rows = []

    def add(figure: str, value: float, target: float, at_most: bool, detail: str) -> None:
        rows.append(Row(family, name, figure, float(value), target, at_most, detail))

    goals = {"glm": {"glm": -0.002}, **{key: {"glm": 0.0, "smooth": -0.005} for key in SHAPES}}
    for rival, goal in goals.get(family, {"glm": 0.0, "smooth": 0.0}).items():
        gain = over(table, name, rival)
        detail = f"{told(gain)}; {who}{shares}{beyond}"
        add(f"mean R2 over {rival}'s", gain.mean(), goal, False, detail)
        if rival == "smooth":  # its penalties are far too small in a few studies: R2 of -3 to -15
            add(f"median R2 over {rival}'s", float(np.median(gain)), goal, False, who)
        if family == "glm":
            add("share worse by more than .01", np.mean(gain < -0.01), 0.05, True, who)
    if found["peak_error"].notna().any():
        wrong = found["peak_error"].to_numpy()
        add("median error of the peak, s", np.nanmedian(wrong), 0.3, True, f"{told(wrong)}; {who}")
    add("fits that failed", found["failed"].sum(), 0.0, True, who)
    return rows


def rows(family: str, makes: Mapping[str, Make], n_studies: int | None = None) -> list[Row]:
    """Return the rows of models in a family, all in the same studies."""
    n = n_studies or (N_LINEAR if family == "glm" else N_STUDIES)
    table = scores(family, {**RIVALS, **makes}, n)
    return [row for name in makes for row in rows_of(family, table, name)]


def intervals(family: str, make: Make, n_studies: int, first: int = 0) -> pd.DataFrame:
    """Return each trained time constant of areas, its interval, and which of the true ones it is.

    Whatever a fit says it knows has to be true of its area: units are compared with the nearest of
    its time constants, as a ratio, and with none at all where a part of it follows at once.

    Returns
    -------
    DataFrame
        Columns ``seed, area, true, value, low, high``; true is 0 for none; empty where nothing is
        trained.
    """
    found = []
    for seed in range(first, first + n_studies):
        train, _, drawn = study(family, seed)
        try:
            fit = make().fit(train)
        except TrainingError:
            continue
        if fit.parameters_table().query("trainable and parameter == 'tau'").empty:
            continue
        table = parameter_intervals(fit, train).query("parameter == 'tau'")
        for unit in table.itertuples():
            true = [x for name, x in drawn.time_constants.items() if name == f"{unit.node}.tau"]
            if unit.node in drawn.at_once:
                true.append(AT_ONCE)
            if true:
                ratios = np.abs(np.log(max(unit.value, AT_ONCE) / np.array(true)))
                nearest = true[int(ratios.argmin())]
                numbers = {"value": unit.value, "low": unit.low, "high": unit.high}
                found.append({"seed": seed, "area": unit.node, "true": nearest, **numbers})
    return pd.DataFrame(found, columns=["seed", "area", "true", "value", "low", "high"])


def time_constants(name: str, make: Make, n_studies: int = N_INTERVALS) -> list[Row]:
    """Return whether time constants that intervals call known are true, and how often they hold.

    Intervals from limit to limit say that nothing is known; they hold always, and do not count.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # a fit short of its optimum is scored too
        table = pd.concat([intervals(family, make, n_studies) for family in DYNAMIC])
    if table.empty:
        raise Absent(f"trained time constant in the model {name!r}")
    value, low = table["value"].clip(lower=AT_ONCE), table["low"].clip(lower=AT_ONCE)
    error = np.abs(value / table["true"] - 1)
    known = (table["high"] - table["low"]) / 2 <= KNOWN * value
    held = (low <= table["true"]) & (table["true"] <= table["high"].clip(lower=AT_ONCE))
    bounded = np.isfinite(table["high"])
    who = (
        f"{len(table)} units in {n_studies} studies of each family with dynamics, "
        f"{bounded.sum()} with intervals, {known.sum()} known within {KNOWN:.0%}"
    )
    part, figures = "time constants", []
    if known.any():
        right, detail = float(np.mean(error[known] <= KNOWN)), told(error[known].to_numpy())
        figures.append(
            Row(part, name, "share of the known within 25 %", right, 0.95, False, detail)
        )
    if bounded.any():
        coverage = float(held[bounded].mean())
        figures.append(Row(part, name, "coverage of 95 %", coverage, 0.93, False, who))
        figures.append(Row(part, name, "coverage of 95 %, at most", coverage, 0.97, True, who))
    return [Row(part, name, "known units", float(known.sum()), 1.0, False, who), *figures]


#: Models that are scored.
MODELS: dict[str, Make] = {"default": DRMRegressor, "start": start}

ROWS: dict[str, Callable[[], list[Row]]] = {
    **{family.replace(" ", "-"): partial(rows, family, MODELS) for family in families.FAMILIES},
    "time-constants": partial(time_constants, "default", MODELS["default"]),
}
