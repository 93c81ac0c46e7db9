"""What was held out, in words: no table, figure or headline of scores goes without."""

from collections.abc import Iterable, Mapping
from typing import Any

from drmbids.app.report.numbers import format_value
from drmbids.compare.splits.stimulus_folds import REACH

#: What is read where scores are in sample.
CAVEAT = (
    "In sample: models were scored on the scans that they were fitted to (--cv none). Scores say "
    "how well models fit, not how well they predict; a model with more parameters fits better, "
    "whatever is true."
)

# What scores are of, by what was held out.
_WHERE = {
    "run": "in held-out runs",
    "session": "in held-out sessions",
    "blocks": "in held-out blocks of time",
    "stimulus": "of held-out trial types",
    "none": "in sample",
}


def held_out_in(inputs: Mapping[str, Any]) -> str:
    """Return what was held out; runs where nothing is recorded, as before there was a choice.

    Parameters
    ----------
    inputs : mapping
        Content of ``S_desc-inputs_runs.json``.
    """
    return str(inputs.get("cross_validation", {}).get("held_out", "run"))


def scored_where(held_out: str) -> str:
    """Return where models were scored, as it reads in a sentence: ``"in held-out runs"``.

    Parameters
    ----------
    held_out : {"run", "session", "blocks", "stimulus", "none"}
    """
    return _WHERE.get(held_out, "in held-out runs")


def scored_where_of_all(held_out: Iterable[str]) -> str:
    """Return where several analyses were scored: ``"in held-out runs or in sample"``.

    Parameters
    ----------
    held_out : iterable of str
        What each held out.
    """
    return " or ".join(scored_where(kind) for kind in dict.fromkeys(held_out))


def scoring_sentence(inputs: Mapping[str, Any], citation: str) -> str:
    """Return how models were tested, for the methods text.

    Parameters
    ----------
    inputs : mapping
        Content of ``S_desc-inputs_runs.json``.
    citation : str
        Of encoding models.
    """
    held_out, recorded = held_out_in(inputs), inputs.get("cross_validation", {})
    scores = (
        "by the correlation (r) and the explained variance (R²) of measured and predicted series, "
        "voxel by voxel"
    )
    if held_out == "none":
        return f"Models were scored in sample, on the scans that they were fitted to, {scores}."
    how, more = f"leave-one-{held_out}-out cross-validation", ""
    if held_out == "stimulus":
        how = (
            "cross-validation over trial types: samples from the onset of held-out ones until "
            f"{REACH:g} s after their end were left out of training, and tested alone"
        )
    elif held_out == "blocks":
        guard = recorded.get("guard_s")
        apart = (
            f", and scans less than {format_value(guard)} s from it were neither trained on nor "
            "scored"
            if guard
            else ""
        )
        how = (
            f"cross-validation over {recorded.get('n_folds', 4)} contiguous blocks of time in each "
            f"run; one block after another was left out of training{apart}"
        )
        more = (
            " What drift and confounds contribute to a held-out block was foretold from the scans "
            "trained on, with weights as random effects (restricted maximum likelihood; Patterson "
            "& Thompson, 1971), and taken out of measured and predicted series alike, as was the "
            "mean of the block."
        )
    return (
        f"Models were tested on data they had not seen ({how}; {citation}) {scores}, averaged over "
        f"folds.{more}"
    )
