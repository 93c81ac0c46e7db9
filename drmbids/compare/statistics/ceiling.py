"""Noise ceilings of runs that repeat a stimulus, and scores measured against them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.held_out import NO_PREDICTIONS, HeldOut, held_out_series
from drmbids.data.runs.frames import Frames
from drmbids.data.runs.nuisance import Nuisance, given_nuisance
from drmbids.data.runs.results import Results, as_results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.targets import as_runs, match_targets
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.contents import find_regions
from drmbids.maths.metrics.ceiling import (
    explainable_variance,
    normalised_correlation,
    signal_power,
    split_half,
)
from drmbids.maths.metrics.scores import measured_values, remainder


def repeat_groups(runs: Sequence[Run], by: str | Sequence[str] | None = None) -> np.ndarray:
    """Return which runs repeat the same stimuli: runs of one subject with equal numbers.

    Hold out all repeats of a stimulus together, so that no model is tested on a stimulus it was
    trained on: ``cv=PredefinedSplit(repeat_groups(runs)).split()`` in
    :func:`~drmbids.compare_models`, with scikit-learn's ``PredefinedSplit``.

    Parameters
    ----------
    runs : sequence of Run
    by : str or sequence of str, optional
        Name of an entity whose value tells the stimulus (``"acquisition"``), or one label for each
        run. When absent, all stimuli of two runs have to be equal, to the last digit; give labels
        where onsets jitter. Runs that show nothing, as those without events, repeat nothing.

    Returns
    -------
    array of int of shape (n_runs,)

    Raises
    ------
    DataError
        If a run lacks the entity.
    UsageError
        If there is not one label for each run.

    Examples
    --------
    >>> from drmbids import Events
    >>> films = {name: {"film": Events([t], [5.0], ["on"])} for name, t in (("a", 2.0), ("b", 3.0))}
    >>> runs = [Run({}, films[name], duration=60.0) for name in "aba"]
    >>> repeat_groups(runs)
    array([0, 1, 0])
    """
    runs = as_runs(runs)
    if by is None:
        firsts: list[int] = []
        for k, run in enumerate(runs):
            same = (j for j in range(k) if _shows_something(run) and _same_stimuli(runs[j], run))
            firsts.append(next(same, k))
        return pd.factorize(np.array(firsts))[0]
    if isinstance(by, str):
        lacking = [run.label for run in runs if by not in run.entities]
        if lacking:
            raise DataError(f"{lacking[0]}: has no entity {by!r} to tell its stimulus by")
        by = [run.entities[by] for run in runs]
    if not isinstance(by, Sequence | np.ndarray):
        raise UsageError(f"by must be an entity or a label for each run, got {shortly(by)}")
    if len(by) != len(runs):
        raise UsageError(f"{len(by)} labels of stimuli for {len(runs)} runs; give one for each")
    subjects = [run.entities.get("subject", "") for run in runs]
    return pd.factorize(np.array([" ".join(pair) for pair in zip(subjects, by, strict=True)]))[0]


def noise_ceiling(
    runs: Sequence[Run],
    by: str | Sequence[str] | None = None,
    nuisance: Nuisance | None = None,
) -> pd.DataFrame:
    """Return how well the best model could predict each target, from repeats of a stimulus.

    Parameters
    ----------
    runs : sequence of Run
    by : str or sequence of str, optional
        What tells repeats, as in :func:`repeat_groups`.
    nuisance : Nuisance, optional
        Taken out of each run first; ``Nuisance()`` when absent. As in the comparison that the
        ceiling is for.

    Returns
    -------
    DataFrame
        One row for each repeated stimulus, region and target: ``repeats`` (labels of the runs,
        joined by ``+``), ``n_repeats, region, target, signal_power`` (squared unit of the
        response), ``explainable_variance`` (largest expected R2 on one run, free of bias),
        ``r_ceiling`` (largest expected r on one run, its root, 0 where it is negative),
        ``split_half`` (largest expected R2 on the mean of the repeats). NaN where a target varies
        in no volume that all repeats measured.

    Raises
    ------
    DataError
        If no stimulus is repeated, or repeats differ in regions or measured times.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal = np.sin(np.arange(100.0))[:, None]
    >>> def run(k):
    ...     bold = Stream(signal + rng.normal(size=(100, 1)), 2.0 * np.arange(100))
    ...     return Run({"V1": bold}, tr=2.0, entities={"run": str(k)})
    >>> noise_ceiling([run(k) for k in range(6)], by=["film"] * 6).explainable_variance.round(1)
    0    0.3
    Name: explainable_variance, dtype: float64
    """
    nuisance = given_nuisance(nuisance)
    tables = []
    for group in _repeated(runs, repeat_groups(runs, by)):
        members = match_targets([runs[k] for k in group])
        regions = find_regions(members)
        weighted = [run.label for run in members if run.measured_weights(list(regions)) is not None]
        if weighted:
            raise DataError(
                f"{weighted[0]}: noise ceilings take no weights; give runs without them"
            )
        _check_times(members, list(regions))
        repeats = np.stack(
            [
                remainder(
                    nuisance.basis(run, run.measured_times(list(regions))),
                    measured_values(run, regions),
                )
                for run in members
            ]
        )
        share = explainable_variance(repeats)
        tables.append(
            pd.DataFrame(
                {
                    "repeats": "+".join(run.label for run in members),
                    "n_repeats": len(members),
                    "region": np.repeat(list(regions), list(regions.values())),
                    "target": np.concatenate([np.arange(n) for n in regions.values()]),
                    "signal_power": signal_power(repeats),
                    "explainable_variance": share,
                    "r_ceiling": np.sqrt(np.maximum(share, 0.0)),
                    "split_half": split_half(repeats),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def ceiling_of(ceiling: pd.DataFrame | None, score: str = "r") -> pd.Series | None:
    """Return the noise ceiling of each target, the mean over repeated stimuli.

    Parameters
    ----------
    ceiling : DataFrame or None
        From :func:`~drmbids.noise_ceiling`.
    score : {"r", "r2"}

    Returns
    -------
    Series or None
    """
    if ceiling is None:
        return None
    column = {"r": "r_ceiling", "r2": "explainable_variance"}[score]
    return ceiling.groupby(["region", "target"], sort=False)[column].mean()


def normalised_scores(
    results: Results, runs: Sequence[Run], by: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the correlation of predictions with the signal that repeats share (CCnorm).

    Parameters
    ----------
    results : Results
        As :func:`~drmbids.compare_models` returned it, with all repeats of a stimulus in one fold.
    runs : sequence of Run
        The runs it was given.
    by : str or sequence of str, optional
        What tells repeats, as in :func:`repeat_groups`.

    Returns
    -------
    DataFrame
        One row for each model, repeated stimulus, region and target: ``model, repeats, n_repeats,
        region, target, r_normalised``; NaN where the signal power is not positive.

    Raises
    ------
    DataError
        If no stimulus is repeated, or repeats differ in their measured times.
    UsageError
        If repeats were held out in different folds: predictions would hold the noise of the
        repeats trained on. Or if results and runs do not belong together.

    References
    ----------
    Schoppe et al. 2016, Frontiers in Computational Neuroscience 10:10.
    """
    results = as_results(results)
    if not results.predictions:
        raise UsageError(NO_PREDICTIONS)
    groups, tables = repeat_groups(runs, by), []
    for model in results.predictions:
        series = held_out_series(results, runs, model)
        for group in _repeated(runs, groups):
            labels = [runs[k].label for k in group]
            by_fold: dict[str, list[HeldOut]] = {}
            for part in series:
                if part.source in labels:
                    by_fold.setdefault(part.fold, []).append(part)
            if any({part.source for part in parts} < set(labels) for parts in by_fold.values()):
                raise UsageError(
                    f"repeats {labels} were not held out together; "
                    "compare with cv=PredefinedSplit(repeat_groups(runs)).split()"
                )
            for parts in by_fold.values():
                regions = list(parts[0].targets["region"].unique())
                _check_times([runs[k] for k in group], regions)
                tables.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "repeats": "+".join(part.run for part in parts),
                            "n_repeats": len(parts),
                            **parts[0].targets,
                            "r_normalised": normalised_correlation(
                                np.stack([part.measured for part in parts]),
                                np.mean([part.complete for part in parts], axis=0),
                            ),
                        }
                    )
                )
    return pd.concat(tables, ignore_index=True)


def _repeated(runs: Sequence[Run], groups: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the indices of the runs of each stimulus that is shown twice or more."""
    shown = np.bincount(groups, minlength=1)
    if shown.max() < 2:
        raise DataError(
            f"no stimulus is repeated in {len(runs)} runs; say with `by` which runs show the same"
        )
    for number in np.flatnonzero(shown > 1):
        yield np.flatnonzero(groups == number)


def _check_times(runs: Sequence[Run], regions: Sequence[str]) -> None:
    """Raise unless repeats are measured at the same times, to a millisecond."""
    first = runs[0].measured_times(regions)
    for run in runs[1:]:
        times = run.measured_times(regions)
        if times.shape != first.shape or not np.allclose(times, first, rtol=0, atol=1e-3):
            raise DataError(
                f"{run.label}: {len(times)} volumes at other times than the {len(first)} of "
                f"{runs[0].label}, which shows the same stimulus; cut both to what they share"
            )


def _shows_something(run: Run) -> bool:
    """Return whether a run has a stimulus with an event, a frame, or a sample other than zero."""
    return any(
        len(shown.onsets) > 0
        if isinstance(shown, Events | Frames)
        else len(shown.times) > 0 and (shown.in_file or bool(np.nan_to_num(shown.values).any()))
        for shown in run.stimuli.values()
    )


def _same_stimuli(one: Run, other: Run) -> bool:
    """Return whether two runs of one subject show the same."""
    return (
        one.entities.get("subject") == other.entities.get("subject")
        and one.stimuli.keys() == other.stimuli.keys()
        and all(_equal(one.stimuli[name], other.stimuli[name]) for name in one.stimuli)
    )


def _equal(one: Stream | Events | Frames, other: Stream | Events | Frames) -> bool:
    """Return whether two stimuli are equal, whatever else they belong to."""
    if type(one) is not type(other) or tuple(one.columns) != tuple(other.columns):
        return False
    if isinstance(one, Stream) and isinstance(other, Stream):
        return np.array_equal(one.times, other.times) and np.array_equal(one.values, other.values)
    if isinstance(one, Frames) and isinstance(other, Frames):
        same_times = all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("onsets", "durations")
        )
        # frames are told apart by their files, which need not be read for that
        return same_times and one.shown == other.shown
    assert isinstance(one, Events) and isinstance(other, Events)
    return one.conditions == other.conditions and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("onsets", "durations", "amplitudes")
    )
