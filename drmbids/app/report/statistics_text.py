"""What the methods text says of statistics."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from drmbids.app.report.held_out_words import held_out_in
from drmbids.app.report.references import REFERENCES

#: How the references of statistics are cited in a sentence.
STATISTICS_CITATIONS = {
    "folds": "Nadeau & Bengio, 2003",
    "largest": "Nichols & Holmes, 2002",
    "discovery": "Benjamini & Hochberg, 1995",
    "ceiling": "Sahani & Linden, 2003",
    "normalised": "Schoppe et al., 2016",
    "bootstrap": "Efron, 1987",
    "mixed": "Hartung & Knapp, 2001",
    "between": "Paule & Mandel, 1982",
    "selection": "Stephan et al., 2009",
    "protected": "Rigoux et al., 2014",
    "commonality": "Mood, 1971",
    "product": "Hoffman, 1960",
    "sandwich": "White, 1982",
    "slow": "Lazarus et al., 2018",
    "resampled": "Hesterberg, 2015",
}
_CITE = STATISTICS_CITATIONS


def statistics_text(inputs: Mapping[str, Any]) -> str:
    """Return sentences on the statistics of one participant's analysis.

    Parameters
    ----------
    inputs : mapping
        Content of ``S_desc-inputs_runs.json``.

    Returns
    -------
    str
        Empty where none were recorded.

    Examples
    --------
    >>> text = statistics_text({"statistics": {"n_permutations": 1000}})
    >>> "1000 random circular shifts" in text
    True
    """
    recorded = inputs.get("statistics")
    if recorded is None:
        return ""
    held_out = held_out_in(inputs)
    what = "held-out blocks" if held_out == "blocks" else "runs"
    sentences = [
        "Differences between models in the median over voxels were tested over folds with the "
        f"corrected resampled t-test ({_CITE['folds']})."
    ]
    if held_out == "none":
        sentences = ["Differences between models are in sample, and were not tested."]
    models = inputs.get("models", ())
    sentences = [text for name, text in _BESIDE.items() if name in models] + sentences
    if recorded.get("timing_audit"):
        sentences.append(
            "Whether the events came at the stated times was audited by linear models of shifted "
            "onsets, of other durations and of amplitudes of 1 that predicted held-out data."
        )
    if recorded.get("log_likelihood"):
        name = "Log-likelihoods" if held_out == "none" else "Held-out log-likelihoods"
        sentences.append(
            f"{name} took errors as Gaussian and independent, with the variance "
            "of the errors in the training data."
        )
    if recorded.get("n_permutations"):
        sentences.append(
            f"The correlation of each voxel was tested against {recorded['n_permutations']} random "
            f"circular shifts of the {what} against their predictions, all voxels shifted "
            "together, and corrected for all voxels of a model by the largest correlation "
            f"({_CITE['largest']}) and for the false discovery rate ({_CITE['discovery']}); since "
            "folds share training data, deviations of the null from its mean were multiplied by "
            f"the square root of one plus the share of pairs of {what} that predicted each other."
        )
    if recorded.get("n_repeated_stimuli"):
        text = (
            f"Noise ceilings were estimated from runs that repeated a stimulus ({_CITE['ceiling']}"
        )
        if recorded.get("repeats_held_out_together"):
            text += f"), and correlations were normalised by them ({_CITE['normalised']}"
        sentences.append(f"{text}).")
    sentences += _parts_text(recorded.get("partition") or {})
    if recorded.get("intervals") in _INTERVALS:
        sentences.append(
            "Intervals (95 %) of physical parameters come from "
            f"{_INTERVALS[recorded['intervals']]}, everything else that was trained left free."
        )
    return " ".join(sentences)


# How intervals are had, as it reads in a sentence.
_INTERVALS = {
    "laplace": f"the curvature of the training objective about the fit ({_CITE['sandwich']}), with "
    f"a variance of the noise that allows for its autocorrelation ({_CITE['slow']})",
    "bootstrap": f"fits to runs drawn with replacement, enlarged for few runs "
    f"({_CITE['resampled']})",
    "jackknife": "a jackknife over blocks of volumes",
}


def _parts_text(partition: Mapping[str, list[str]]) -> list[str]:
    """Return what is said of parts of the variance."""
    found = []
    for model, spaces in partition.items():
        listed = ", ".join(f"({name})" if "," in name else name for name in spaces)
        text = (
            f"The R² of {model} was divided into unique and shared parts by comparing "
            f"models with and without a space ({_CITE['commonality']}): {listed}"
        )
        if model == "glm":
            text += (
                "; and between the spaces by what each adds to its prediction (product measure, "
                f"{_CITE['product']})"
            )
        found.append(f"{text}.")
    return found


def group_text(paired: pd.DataFrame, selection: pd.DataFrame) -> str:
    """Return a paragraph on the inference over participants, with references, as Markdown.

    Parameters
    ----------
    paired : DataFrame
        From :func:`~drmbids.summarise_differences`; may be empty.
    selection : DataFrame
        Models with their frequencies; may be empty.

    Returns
    -------
    str

    Examples
    --------
    >>> text = group_text(pd.DataFrame({"model": ["drm"]}), pd.DataFrame())
    >>> "Efron, B. (1987)" in text, "exceedance" in text
    (True, False)
    """
    sentences = []
    if len(paired):
        sentences.append(
            "Differences between models were averaged over participants, with a bias-corrected "
            f"and accelerated bootstrap interval ({_CITE['bootstrap']}) and a test by sign flips "
            f"({_CITE['largest']}), and, weighted by the precision of each participant, in a "
            f"mixed model whose variance between participants was estimated after "
            f"{_CITE['between']}, with intervals after {_CITE['mixed']}."
        )
    if len(selection):
        sentences.append(
            "The frequency of each model among people was estimated by random-effects Bayesian "
            f"model selection ({_CITE['selection']}) on held-out log-likelihoods, and is given "
            f"with the protected exceedance probability ({_CITE['protected']})."
        )
    body = " ".join(sentences) or "No inference over participants was made."
    listed = "\n".join(f"- {REFERENCES[key]}" for key, cited in _CITE.items() if cited in body)
    return f"{body}\n\n{listed}".strip()


# What the models beside the GLM are; no model of a user has one of these names.
_BESIDE = {
    "freehrf": "The model freehrf was a linear model whose hemodynamic responses were free for "
    "each condition and voxel: ridge regression on Glover's response and five gamma densities that "
    "peak from 2 to 13 s, with penalties by generalised cross-validation in the training runs.",
    "ar1": "The model ar1 was the GLM with noise that is autocorrelated over one volume "
    "(prewhitened least squares).",
    "hrflibrary": "The model hrflibrary was a linear model with the best of 20 double-gamma "
    "responses for each voxel, chosen in the training runs.",
    "ridge": "The model ridge was ridge regression on delayed stimuli (a finite impulse response), "
    "with a penalty for each voxel, chosen by leaving out training runs in turn.",
    "mean": "The model mean predicted, without any use of the stimuli, the mean of the training "
    "runs at the same time after the start of the run.",
}
