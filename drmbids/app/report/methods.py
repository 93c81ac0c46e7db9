"""Methods text for a paper, made from what was run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from drmbids.app.report.held_out_words import scoring_sentence
from drmbids.app.report.numbers import format_value
from drmbids.app.report.physiology import PHYSIO_CITATIONS, physio_text
from drmbids.app.report.references import REFERENCES
from drmbids.app.report.statistics_text import STATISTICS_CITATIONS, statistics_text
from drmbids.data.runs.nuisance import Nuisance


@dataclass(frozen=True)
class Training:
    """How one model was fitted.

    Parameters
    ----------
    hrf : str
        Hemodynamic model as it reads in a sentence, with its source: ``"a double-gamma function
        with fitted peak and undershoot times (Friston et al., 1998)"``.
    penalties : tuple of float
        Candidate ridge penalties.
    n_epochs : int
        Epochs of training.
    learning_rate : float
        Step size of the gradient descent.
    cutoff_s : float, optional
        Seconds after which backpropagation is cut; not cut when absent.
    seed : int, optional
        Seed of the initial weights.
    n_starts : int
        Starts that were tried.
    n_alike, n_exchanged : int
        Starts in the minimum that was kept, and those of them with populations in each other's
        place; 0 where it is not known.
    n_finish_passes : int
        Passes of L-BFGS after the epochs.
    dynamic_share : float, optional
        Mean share of the model in predictions that are averaged with those of a linear model;
        None where they are its own.
    """

    hrf: str
    penalties: tuple[float, ...]
    n_epochs: int
    learning_rate: float
    cutoff_s: float | None = None
    seed: int | None = None
    n_starts: int = 1
    n_alike: int = 0
    n_exchanged: int = 0
    n_finish_passes: int = 0
    dynamic_share: float | None = None


def methods_text(
    inputs: Mapping[str, Any],
    *,
    nuisance: Nuisance,
    training: Mapping[str, Training],
    scores: pd.DataFrame | None = None,
) -> str:
    """Return a paragraph on the analysis, with references, as Markdown.

    Parameters
    ----------
    inputs : mapping
        Content of ``S_desc-inputs_runs.json``.
    nuisance : Nuisance
        Drift and confounds taken out of each run.
    training : mapping of str to Training
        How each of the models in ``inputs["fitted"]`` was fitted, by name.
    scores : DataFrame, optional
        Columns ``model, region, target, r``; gives a sentence on the results.

    Returns
    -------
    str

    Examples
    --------
    >>> how = Training("a fixed function", (1.0,), n_epochs=5, learning_rate=0.01)
    >>> inputs = {"fitted": [{"name": "drm", "populations": []}]}
    >>> text = methods_text(inputs, nuisance=Nuisance(), training={"drm": how})
    >>> "leave-one-run-out" in text
    True
    """
    several = len(training) > 1
    models = [m for m in inputs.get("fitted", []) if m["name"] in training]
    sentences = [
        _data_sentence(inputs),
        *[_model_sentence(m, training[m["name"]].hrf, several) for m in models],
        physio_text(inputs),
        _nuisance_sentence(nuisance, inputs),
        *_training_sentences(training),
        f"{scoring_sentence(inputs, _CITATIONS['encoding'])}{_baseline_phrase(inputs)}",
        statistics_text(inputs),
    ]
    if scores is not None and len(scores):
        sentences.append(_result_sentence(scores))
    sentences.append(_software_sentence(inputs))
    body = " ".join(sentence for sentence in sentences if sentence)
    listed = "\n".join(f"- {text}" for key, text in REFERENCES.items() if _cited(key, body))
    return f"# Methods\n\n{body}\n\n# References\n\n{listed}\n"


_CITATIONS = {
    "random_effects": "Patterson & Thompson, 1971",
    "drm": "Güçlü & van Gerven, 2017",
    "bids": "Gorgolewski et al., 2016",
    "encoding": "Naselaris et al., 2011",
    "hrf": "Friston et al., 1998",
    "balloon": "Stephan et al., 2007",
    "ridge": "Hoerl & Kennard, 1970",
    "evidence": "MacKay, 1992",
    "stacking": "Breiman, 1996",
    "truncation": "Williams & Peng, 1990",
    "lbfgs": "Liu & Nocedal, 1989",
    "torch": "Paszke et al., 2019",
    "nilearn": "Abraham et al., 2014",
    **STATISTICS_CITATIONS,
    **PHYSIO_CITATIONS,
}


def _cited(key: str, body: str) -> bool:
    """Return whether the text cites a reference."""
    return _CITATIONS[key] in body


def _count(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _join(words: Sequence[str]) -> str:
    """Return words as in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _data_sentence(inputs: Mapping[str, Any]) -> str:
    """Say what data went in."""
    runs, regions = inputs.get("runs", []), inputs.get("regions", {})
    trs = sorted({run["tr"] for run in runs if run.get("tr")})
    if not runs:
        return ""
    volumes = sum(run.get("n_volumes") or 0 for run in runs)
    tr = f", TR {_join([format_value(t) for t in trs])} s" if trs else ""
    if any("tr" in run and run["tr"] is None for run in runs):
        tr += ", volumes at irregular times"
    starts = sorted({run.get("first_volume") or 0.0 for run in runs})
    if starts != [0.0]:
        told = _join([format_value(start) for start in starts])
        tr += f", the first volume measured at {told} s"
    text = (
        f"Data were read from a BIDS dataset ({_CITATIONS['bids']}): "
        f"{_count(len(runs), 'run')} with {_count(volumes, 'volume')} in all{tr}"
    )
    if regions:
        voxels = sum(regions.values())
        text += f", from which {_count(voxels, 'voxel')} in {_count(len(regions), 'region')} of "
        text += "interest were analysed"
    return text + "."


def _model_sentence(model: Mapping[str, Any], hrf: str, several: bool) -> str:
    """Say what a model is."""
    populations = model.get("populations", [])
    parts = [f"{p['name']} ({p['kind']}, {_count(p['units'], 'unit')})" for p in populations]
    which = _count(len(parts), "population") + (f", {_join(parts)}," if parts else "")
    resolution = model.get("resolution")
    step = f", computed at a resolution of {format_value(resolution)} s" if resolution else ""
    name = f" {model['name']}" if several else ""
    return (
        f"Responses were modelled with a dynamic representational model{name} "
        f"({_CITATIONS['drm']}): a network of {which} driven by the experimental conditions{step}. "
        f"Unit activity passed through {hrf} and was mapped linearly to the voxels of each region."
    )


def _nuisance_sentence(nuisance: Nuisance, inputs: Mapping[str, Any]) -> str:
    """Say what was taken out of the series."""
    drift = {
        "polynomial": f"polynomial drifts up to order {nuisance.order}",
        "cosine": f"a discrete cosine set with a cut-off of {format_value(nuisance.high_pass)} Hz",
        "none": "",
    }[nuisance.drift]
    parts = ["An intercept", *([drift] if drift else [])]
    if nuisance.confounds and any(run.get("confounds") for run in inputs.get("runs", [])):
        parts.append("the confound regressors")
    return (
        f"{_join(parts)} were fitted in each run on its own and taken out of measured "
        "and predicted series before these were compared."
        if len(parts) > 1
        else "An intercept was fitted in each run on its own and taken out of measured and "
        "predicted series before these were compared."
    )


def _training_sentences(training: Mapping[str, Training]) -> list[str]:
    """Say how the models were fitted: once for those fitted alike."""
    alike: dict[tuple, list[str]] = {}
    for name, how in training.items():
        steps = (how.n_epochs, how.learning_rate, how.cutoff_s, how.n_finish_passes)
        ends = (how.n_starts, how.n_alike, how.n_exchanged, how.dynamic_share)
        key = (how.penalties, *steps, how.seed, *ends)
        alike.setdefault(key, []).append(name)
    return [
        _training_sentence(training[names[0]], f" of {_join(names)}" if len(alike) > 1 else "")
        for names in alike.values()
    ]


def _training_sentence(how: Training, whose: str) -> str:
    low, high = min(how.penalties), max(how.penalties)
    penalty = f"the penalty {format_value(low)}"
    if low != high:
        penalty = (
            f"a penalty chosen among {len(how.penalties)} values from {format_value(low)} to "
            f"{format_value(high)} on training runs"
        )
    cut = ""
    if how.cutoff_s:
        cut = f", truncated to {format_value(how.cutoff_s)} s ({_CITATIONS['truncation']})"
    finish = ""
    if how.n_finish_passes:
        finish = (
            f", and then for {_count(how.n_finish_passes, 'evaluation')} of the objective by "
            f"L-BFGS ({_CITATIONS['lbfgs']})"
        )
    seed = "" if how.seed is None else f"; the random seed was {how.seed}"
    if how.n_starts > 1:
        seed += f"; of {how.n_starts} fits from different initial values the best was kept"
        if how.n_alike:
            seed += f", and {how.n_alike} of them agreed"
        if how.n_exchanged:
            seed += (
                f" ({how.n_exchanged} with populations in each other's place, which the data do "
                "not tell apart)"
            )
    return (
        f"The linear maps{whose} were solved in closed form as ridge regression "
        f"({_CITATIONS['ridge']}) with {penalty}; all other parameters were trained by "
        f"backpropagation through time{cut} for {_count(how.n_epochs, 'epoch')} with a learning "
        f"rate of {format_value(how.learning_rate)}{finish}{seed}.{_stacking_sentence(how)}"
    )


def _stacking_sentence(how: Training) -> str:
    """Say what predictions are averaged with."""
    if how.dynamic_share is None:
        return ""
    return (
        " Predictions were averaged with those of a linear model of the same stimuli, without "
        "dynamics or coupling, whose weights and deviations from the canonical response were "
        f"averaged by their evidence ({_CITATIONS['evidence']}); the weights of the mean, from 0 "
        f"to 1, were those that predicted left-out training data best ({_CITATIONS['stacking']}). "
        f"The share of the dynamic model was {format_value(how.dynamic_share)} on average."
    )


def _baseline_phrase(inputs: Mapping[str, Any]) -> str:
    """Say what the models were compared with."""
    baseline = inputs.get("baseline")
    others = [model for model in inputs.get("models", []) if model != baseline]
    if not baseline or not others:
        return ""
    return f" The baseline for {_join(others)} was {baseline}, fitted and scored on the same data."


def _result_sentence(scores: pd.DataFrame) -> str:
    """Say how well they did."""
    means = scores.groupby(["model", "region", "target"], sort=False)["r"].mean()
    medians = means.groupby("model", sort=False).median()
    parts = [f"{format_value(r)} for {model}" for model, r in medians.items()]
    return f"The median r over voxels was {_join(parts)}."


def _software_sentence(inputs: Mapping[str, Any]) -> str:
    """Say what it was run with."""
    versions = dict(inputs.get("versions", {}))
    cited = {"torch": _CITATIONS["torch"], "nilearn": _CITATIONS["nilearn"]}
    parts = [
        f"{name} {version}" + (f" ({cited[name]})" if name in cited else "")
        for name, version in versions.items()
    ]
    if not parts:
        return ""
    return f"Analyses were run with {_join(parts)}."
