"""A whole brain of 94 regions with trained weights: seconds of a fit, and what it predicts.

Two runs of 600 volumes, TR 2 s, of a linear stochastic network drawn here: regions of two
mirror-symmetric hemispheres on an ellipsoid, weights that fall off with distance, homologous pairs
coupled, four fifths of the way to instability. Each step of .1 s is exact (matrix exponential and
Lyapunov equation of scipy), hemodynamics are SPM's, and noise of measurement is added. Nothing of
it is taken from the package. The model is fitted to the first run at default penalties; the score
is the correlation of its connectivity with that of the second.
"""

from time import process_time

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.signal import oaconvolve
from scipy.stats import gamma

from benchmarks.rows import Row
from drmbids import Run, Stream, WholeBrain
from drmbids.maths.metrics.connectivity import connectivity_correlation

N_REGIONS, N_VOLUMES, TR, TICK, SETTLE = 94, 600, 2.0, 0.1, 40.0
TAU, RADIUS, NOISE = 0.5, 0.8, 0.3

#: Seconds of CPU of a fit at most, and of the first version, which began anew under each penalty.
MOST_SECONDS, FIRST_VERSION = 20.0, 311.0
#: The score over the correlation of the measured connectivities of both runs, at least.
LEAST_SHARE = 0.9


def network(seed: int = 0) -> np.ndarray:
    """Return weights ``[to, from]`` whose largest eigenvalue is of size :data:`RADIUS`."""
    rng = np.random.default_rng(seed)
    half = N_REGIONS // 2
    right = rng.normal(size=(half, 3))
    right *= [55.0, 75.0, 55.0] / np.linalg.norm(right, axis=1, keepdims=True)
    right[:, 0] = np.abs(right[:, 0])
    places = np.concatenate([right, right * [-1.0, 1.0, 1.0]])  # mm
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    weights = np.exp(-distance / 25.0) * rng.lognormal(0.0, 0.8, size=distance.shape)
    pairs = np.arange(half)
    weights[pairs, pairs + half] += 0.4
    weights[pairs + half, pairs] += 0.4
    np.fill_diagonal(weights, 0.0)
    weights[weights < np.quantile(weights, 0.6)] = 0.0
    return RADIUS * weights / np.abs(np.linalg.eigvals(weights)).max()


def linear_run(weights: np.ndarray, seed: int) -> Run:
    """Return BOLD of a linear network that noise drives."""
    rng = np.random.default_rng(seed)
    slopes = (weights - np.eye(N_REGIONS)) / TAU
    spread = solve_continuous_lyapunov(slopes, -np.eye(N_REGIONS))
    step = expm(slopes * TICK)
    kicks = spread - step @ spread @ step.T
    n_ticks = round((SETTLE + N_VOLUMES * TR) / TICK)
    activity = rng.standard_normal((n_ticks, N_REGIONS)) @ np.linalg.cholesky(kicks).T
    for k in range(1, n_ticks):
        activity[k] += step @ activity[k - 1]
    lag = np.arange(0.0, 32.0, TICK)
    response = gamma.pdf(lag, 6.0) - gamma.pdf(lag, 16.0) / 6  # SPM's
    bold = oaconvolve(activity, response[:, None], axes=0)[round(SETTLE / TICK) : n_ticks]
    bold = bold[:: round(TR / TICK)]
    bold = bold + NOISE * bold.std(0) * rng.standard_normal(bold.shape)
    return Run({"brain": Stream(bold, TR * np.arange(len(bold)))}, tr=TR)


def whole_brain_time() -> list[Row]:
    """Return seconds and scores of linear masses, those of the data, and of reduced Wong-Wang."""
    weights, rows = network(), []
    first, second = (linear_run(weights, seed) for seed in (1, 2))
    pairs = ~np.eye(N_REGIONS, dtype=bool)
    for mass in ("ornstein_uhlenbeck", "wong_wang"):
        began = process_time()
        brain = WholeBrain(mass=mass, trainable=("weights", "noise")).fit([first])
        seconds = process_time() - began
        score, both = (
            brain.score([second]),
            connectivity_correlation(*brain.measured([first, second])),
        )
        true = np.corrcoef(brain.weights_table()[pairs], weights[pairs])[0, 1]
        detail = f"r {score:.3f}, of both runs {both:.3f}; penalty {brain.penalty_:g}; "
        detail += f"r with the true weights {true:.3f}"
        old = f"{FIRST_VERSION:g} s in the first version"
        figures = [
            ("seconds of CPU", seconds, MOST_SECONDS, True, old),
            ("r over reliability", score / both, LEAST_SHARE, False, detail),
        ]
        rows += [Row("whole-brain-time", mass, *figure) for figure in figures]
    return rows
