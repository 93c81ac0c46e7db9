"""Whether the test against chance keeps its level without an effect, and finds one where it is.

Events at random times, drawn anew for each run, and autocorrelated noise; a GLM and its mean r over
folds. The family-wise error is the share of data sets in which any target has ``p_fwe <= .05``.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.rows import Row
from drmbids import Events, GLMBaseline, Run, Stream, compare_models, permutation_test

#: Limits of the family-wise error at a level of .05, and what is found of an effect at least.
LOWEST, HIGHEST, LEAST_POWER = 0.02, 0.07, 0.5

N_TIMES, TR, N_PERMUTATIONS = 120, 2.0, 199


class Design(NamedTuple):
    """What is simulated.

    Parameters
    ----------
    n_runs, n_targets, n_conditions : int
    autocorrelation : float
        Of the noise, from one volume to the next.
    common : float
        Standard deviation of noise that all targets share, over that of their own.
    """

    n_runs: int
    n_targets: int
    n_conditions: int = 3
    autocorrelation: float = 0.5
    common: float = 0.0


def red_noise(rng: np.random.Generator, n_columns: int, autocorrelation: float) -> np.ndarray:
    """Return first-order autoregressive series that have forgotten their start."""
    series = rng.normal(size=(N_TIMES + 30, n_columns))
    for k in range(1, len(series)):
        series[k] += autocorrelation * series[k - 1]
    return series[30:]


def simulated(design: Design, seed: int, effect: float = 0.0) -> list[Run]:
    """Return runs of which events explain ``effect`` standard deviations of each condition."""
    rng = np.random.default_rng(seed)
    conditions = [f"c{k}" for k in range(design.n_conditions)]
    weights = effect * rng.normal(size=(design.n_conditions, design.n_targets))
    times, runs = TR * np.arange(N_TIMES), []
    for k in range(design.n_runs):
        onsets = 4.0 + np.cumsum(rng.uniform(8.0, 16.0, size=18))
        shown = Events(
            onsets, np.full(18, 4.0), rng.choice(conditions, size=18).tolist(), columns=conditions
        )
        noise = red_noise(rng, design.n_targets, design.autocorrelation)
        noise += design.common * red_noise(rng, 1, design.autocorrelation)
        bare = Run({"V1": Stream(noise, times)}, {"events": shown}, tr=TR)
        regressors = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
        bold = Stream(noise + regressors / regressors.std() @ weights, times)
        runs.append(Run({"V1": bold}, {"events": shown}, tr=TR, entities={"run": str(k)}))
    return runs


def found_in(design: Design, n_draws: int, effect: float = 0.0, split: bool = False) -> np.ndarray:
    """Return for each of several data sets whether the test finds any target."""
    found = []
    for seed in range(n_draws):
        runs = simulated(design, seed, effect)
        half = (design.n_runs + 1) // 2
        cv = [(list(range(half)), list(range(half, design.n_runs)))] if split else "run"
        results = compare_models({"glm": GLMBaseline()}, runs, cv=cv)
        table = permutation_test(results, runs, N_PERMUTATIONS, random_state=seed)
        found.append(bool((table["p_fwe"] <= 0.05).any()))
    return np.array(found)


#: Name, what is simulated, data sets, and whether there is one split in place of folds.
DESIGNS = {
    "1 run held out, 10 targets": (Design(2, 10), 150, True),
    "2 runs, 1 target": (Design(2, 1), 150, False),
    "2 runs, 10 targets": (Design(2, 10), 150, False),
    "2 runs, 10 targets, 8 conditions": (Design(2, 10, n_conditions=8), 150, False),
    "2 runs, 200 targets": (Design(2, 200), 150, False),
    "6 runs, 1 target": (Design(6, 1), 80, False),
    "6 runs, 10 targets, common noise": (Design(6, 10, common=1.0), 80, False),
    "6 runs, 200 targets": (Design(6, 200), 300, False),
}

#: What is simulated, and standard deviations of it that each condition explains.
EFFECTS = {
    "2 runs, 10 targets": (Design(2, 10), 0.5),
    "6 runs, 200 targets": (Design(6, 200), 0.3),
}


def level(name: str) -> list[Row]:
    """Return the family-wise error of one design, which chance may take beyond the limits."""
    design, n_draws, split = DESIGNS[name]
    rate = float(found_in(design, n_draws, split=split).mean())
    error = float((0.05 * 0.95 / n_draws) ** 0.5)
    detail = f"{name}: {n_draws} data sets without an effect, standard error {error:.3f}"
    return [
        Row("chance", "glm", "family-wise error", rate, HIGHEST + error, True, detail),
        Row("chance", "glm", "family-wise error", rate, LOWEST - error, False, detail),
    ]


def power(name: str, n_draws: int = 15) -> Row:
    """Return in how many data sets with an effect one is found."""
    design, effect = EFFECTS[name]
    rate = float(found_in(design, n_draws, effect).mean())
    detail = f"{name}, {effect:g} standard deviations a condition: {n_draws} data sets"
    return Row("chance", "glm", "power", rate, LEAST_POWER, False, detail)


def chance() -> list[Row]:
    """Return family-wise errors of designs without an effect, and what is found of one."""
    return [row for name in DESIGNS for row in level(name)] + [power(name) for name in EFFECTS]
