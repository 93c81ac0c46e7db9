"""The models of an analysis: their names, and what has to agree between them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drmbids.app.analysis.config import BASELINE, FREE_HRF, MEAN
from drmbids.brain.modelfile.load import load_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.problems import shortened
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError

#: Models that may stand beside those given, and what they are.
MEANINGS = {
    BASELINE: "linear model with an assumed hemodynamic response, the baseline",
    FREE_HRF: "linear model with free hemodynamic responses, ridge regression on a basis",
    MEAN: "mean of the training runs, which knows nothing of the stimuli",
    "ar1": "linear model with an assumed hemodynamic response and autocorrelated noise",
    "hrflibrary": "linear model with the best of 20 hemodynamic responses for each voxel",
    "ridge": "linear model of delayed stimuli, ridge regression",
}
# Those that are described wherever results are written.
_ALWAYS = (BASELINE, FREE_HRF, MEAN)

#: Letters and digits of a model's name that names of files have room for, beside the entities.
MOST_LETTERS = 64

# Series that are written for each model: the end of their ``desc``, and what they are.
_SERIES = {
    "predicted": "series predicted by fits that it was held out of, or, in sample, of the fit",
    "residual": "measured minus predicted series",
}


def load_models(files: Sequence[Path]) -> dict[str, ModelSpec]:
    """Return models by the name they have in files and tables.

    Parameters
    ----------
    files : sequence of Path
        Model files.

    Returns
    -------
    dict of str to ModelSpec
        By the letters and digits of each model's own name, all that a BIDS file name may hold, 64
        at most.

    Raises
    ------
    ModelError
        If a file is faulty, a name is too long, two models have the same name, one is called like
        the baseline, the mean or something else that is written, or they differ in drift or
        confounds, so that their scores could not be compared.
    """
    specs = _load_all(files)
    found: dict[str, ModelSpec] = {}
    problems = []
    # some file systems, and so some readers of the results, do not tell capitals apart
    taken = {label.lower() for label in describe_models(MEANINGS)}
    for path, spec in zip(files, specs, strict=True):
        label = "".join(c for c in spec.name if c.isascii() and c.isalnum())
        own = {label.lower() + what for what in ("", *_SERIES)}
        if not label or own & taken:
            why = "no letters" if not label else f"the name {label!r} is taken"
            problems.append(f"{path}: name: {spec.name!r}: {why}; give each model its own")
        if len(label) > MOST_LETTERS:
            problems.append(
                f"{path}: name: {shortened(spec.name, 40)!r}: {len(label)} letters and digits, and "
                f"names of files have room for {MOST_LETTERS}; shorten it"
            )
        taken |= own
        found[label] = spec
    for path, spec in zip(files, specs, strict=True):
        if scoring_nuisance(spec) != scoring_nuisance(specs[0]):
            problems.append(
                f"{path}: readout: drift or confounds differ from those of {files[0]}; scores "
                "compare only where they are the same"
            )
    if problems:
        raise ModelError(problems)
    return found


def _load_all(files: Sequence[Path]) -> list[ModelSpec]:
    """Return all model files, or raise with the problems of all that are faulty."""
    specs, problems = [], []
    for path in files:
        try:
            specs.append(load_model(path))
        except ModelError as error:
            problems += error.problems
            continue
        if specs[-1].readouts is not None:
            problems.append(
                f"{path}: readouts: the command line reads one kind of measurement, BOLD; give a "
                "readout, or fit several from Python"
            )
    if problems:
        raise ModelError(problems)
    return specs


def scoring_nuisance(spec: ModelSpec) -> Nuisance:
    """Return what is taken out of each run before scoring, the same for all models.

    Where a model shares confound weights over runs, the scores still leave confounds out.
    """
    readout = spec.readout_parts[ONLY]
    return replace(readout.nuisance(), confounds=readout.confounds != "none")


def describe_models(names: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    """Return the meaning of every ``desc`` label in the names of files.

    Parameters
    ----------
    names : mapping or sequence of str
        Names of the models, besides the baselines that are there if nothing else is asked for.
    """
    said = {
        "scores": "scores of all models by fold, region and target",
        "summary": "scores over targets",
        "paired": "differences between models on the same targets and folds",
        "pairs": "differences between the given models, each pair, on the same targets and folds",
        "parts": "parts of the variance that models explain",
        "intervals": "intervals of the physical parameters in each participant",
        "permutation": "tests of each target against chance",
        "ceiling": "noise ceilings of runs that repeat a stimulus",
        "normalised": "scores against the signal that repeats of a stimulus share",
        "timing": "other onsets, durations and amplitudes of events on held-out data",
        "differences": "differences between models in each participant",
        "selection": "how frequent each model is among participants",
        "inputs": "runs, files, conditions and regions that went in",
        "recovery": "estimates beside the truth, where the data are simulated",
        "truth": "true hemodynamic responses, where the data are simulated",
    }
    for name in dict.fromkeys((*_ALWAYS, *names)):
        what = MEANINGS.get(name, f"dynamic representational model {name}")
        said[name] = what
        said |= {name + series: f"{meaning}: {what}" for series, meaning in _SERIES.items()}
    return said
