"""Intervals of the physical parameters of a fitted model."""

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import t as student_t
from sklearn.utils.validation import check_is_fitted

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import only_readout
from drmbids.compare.inference.laplace import Spread, laplace
from drmbids.compare.inference.quantities import Derived, Quantities, moved_by_training
from drmbids.compare.inference.refits import bootstrap, jackknife
from drmbids.compare.inference.slopes import in_double
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import with_targets
from drmbids.data.tools.exceptions import TrainingWarning, UsageError
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.training.checkpoint import Checkpoint

Method = Literal["laplace", "bootstrap", "jackknife"]

#: Standard errors that the optimum may be away from the fit before it is warned of.
MOST_LEFT = 1.0


def parameter_intervals(
    estimator: DRMRegressor,
    runs: Sequence[Run],
    method: Method = "laplace",
    level: float = 0.95,
    n_resamples: int = 100,
    random_state: int | np.random.Generator | None = 0,
    derived: Derived | None = None,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Return intervals of delays, time constants and other physical parameters of a fitted model.

    They say how far estimates would move with other noise (and, for the bootstrap, other runs) of
    the same people: nothing about other people, and nothing about a model that is wrong. Weights
    and maps are free as well: what they could make up for is part of the intervals.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted.
    runs : sequence of Run
        What it was fitted on.
    method : {"laplace", "bootstrap", "jackknife"}
        ``"laplace"``: from the curvature of the objective about the fit, which should be its
        optimum; no new fit, two passes over the data for each trained number. ``"bootstrap"``: from
        fits to runs drawn with replacement; at least five runs. ``"jackknife"``: from fits that
        leave out ten blocks of volumes in turn, whole runs where there are ten; serves one long
        run.
    level : float
        Share of intervals that hold the true value, between 0 and 1.
    n_resamples : int
        Fits of the bootstrap.
    random_state : int, numpy.random.Generator or None
        Of the bootstrap's draws.
    derived : callable, optional
        From a :class:`~drmbids.DRMNet` to further numbers by name, such as products of weights.
        Those that hang on the maps to voxels can be had from refits only.
    checkpoint : Checkpoint, optional
        Where refits are kept on the way, and taken up by the same call.

    Returns
    -------
    DataFrame
        The rows of :meth:`DRMRegressor.parameters_table` that are trained, the time to peak of the
        hemodynamic response (``hrf.peak``) where it is trained, and derived numbers, with further
        columns ``low, high, level, method``. Intervals keep to the limits of a parameter; those of
        one that the data say nothing of reach from limit to limit.

    Raises
    ------
    UsageError
        If an option is wrong, nothing is trained but maps, or refits would be validated on runs
        that they are trained on.
    DataError
        If runs or volumes are too few for the method.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> rng = np.random.default_rng(0)
    >>> onsets = np.arange(5.0, 180.0, 20.0)
    >>> times = 2.0 * np.arange(100)
    >>> series = np.sin(times / 20 * 2 * np.pi)[:, None] + rng.normal(size=(100, 4))
    >>> events = Events(onsets, [4.0] * 9, ["face"] * 9)
    >>> run = Run({"V1": Stream(series, times)}, {"events": events}, tr=2.0)
    >>> model = {
    ...     "schema_version": 1,
    ...     "name": "one",
    ...     "stimuli": {"events": {"conditions": "all"}},
    ...     "populations": {"V1": {"kind": "leaky", "units": 1, "nonlinearity": "linear"}},
    ...     "projections": [{"from": "events", "to": "V1"}],
    ...     "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
    ... }
    >>> estimator = DRMRegressor(model, learning_rate=0.1).fit([run])
    >>> row = parameter_intervals(estimator, [run]).iloc[0]
    >>> row["parameter"], bool(row["low"] < row["value"] < row["high"])
    ('tau', True)
    """
    check_is_fitted(estimator)
    runs = [with_targets(run, estimator.targets_) for run in runs]
    if method not in get_args(Method):
        raise UsageError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not 0 < level < 1:
        raise UsageError(f"level must lie between 0 and 1, got {level}")
    only_readout(estimator.net_.readout, "parameter_intervals")
    moved_by_training(estimator.net_)
    quantities = Quantities(estimator.net_, derived)
    if method == "laplace":
        spread = _from_curvature(estimator, runs, quantities)
    else:
        if estimator.n_validation_runs:
            raise UsageError(
                f"n_validation_runs={estimator.n_validation_runs}: refits would be validated on "
                "runs that they are trained on; use method='laplace', or no validation runs"
            )
        if method == "bootstrap":
            rng = np.random.default_rng(random_state)
            spread = bootstrap(estimator, runs, quantities, n_resamples, rng, checkpoint)
        else:
            spread = jackknife(estimator, runs, quantities, checkpoint)
    return interval_table(estimator.net_, quantities, spread, level, method)


def _from_curvature(estimator: DRMRegressor, runs: Sequence[Run], quantities: Quantities) -> Spread:
    net = estimator.net_
    data = training_data(net, runs[: len(runs) - estimator.n_validation_runs])
    spread = laplace(net, data, quantities, estimator.alphas)
    far = np.abs(spread.left) > MOST_LEFT * spread.error
    if far.any():
        rows = quantities.table(net)[far]
        names = ", ".join(f"{n} {p}[{k}]" for n, p, k in rows.iloc[:, :3].to_numpy())
        warnings.warn(
            f"training stopped more than {MOST_LEFT:g} standard error before the optimum of "
            f"{names}; train for more epochs, or use method='jackknife' or 'bootstrap'",
            TrainingWarning,
            stacklevel=3,
        )
    return spread


def training_data(net: DRMNet, runs: Sequence[Run]) -> DRMIterator:
    """Return runs as a net is trained on them, on its device."""
    return DRMIterator.from_runs(
        runs,
        net.resolution,
        stimuli=net.stimuli,
        responses=net.readout.regions,
        nuisance=net.readout.nuisance,
        device=str(net.readout.bias.device),
    )


def interval_table(
    net: DRMNet, quantities: Quantities, spread: Spread, level: float, method: str
) -> pd.DataFrame:
    """Return intervals about a fit, in the columns of :func:`parameter_intervals`.

    Parameters
    ----------
    net : DRMNet
        Fitted.
    quantities : Quantities
    spread : Spread
    level : float
    method : str
        What the column ``method`` says.
    """
    net = in_double(net)
    free = quantities.free(net)
    half = student_t.ppf((1 + level) / 2, spread.degrees) * spread.error
    low, high = (quantities.within_limits(end) for end in (free - half, free + half))
    return quantities.table(net).assign(low=low, high=high, level=level, method=method)
