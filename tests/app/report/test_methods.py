"""The methods text says what was run, and cites what it says."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from drmbids.app.report import methods_text
from drmbids.app.report.methods import _CITATIONS, Training
from drmbids.app.report.references import REFERENCES
from drmbids.data.runs.nuisance import Nuisance

HOW = Training("a double-gamma function", (0.1, 1.0, 10.0), 30, 0.01, seed=0)
SETTINGS = {"training": {"drm": HOW}}


@pytest.fixture
def inputs(derivatives):
    path = derivatives / "sub-01/models/sub-01_task-objects_desc-inputs_runs.json"
    return json.loads(path.read_text("utf-8"))


def test_says_what_was_run(inputs):
    scores = pd.DataFrame(
        [("glm", "V1", 0, 0.1), ("drm", "V1", 0, 0.25)], columns=["model", "region", "target", "r"]
    )
    text = methods_text(
        inputs | {"cross_validation": {"held_out": "session"}},
        nuisance=Nuisance("cosine", high_pass=0.02),
        scores=scores,
        training={
            "drm": replace(
                HOW, cutoff_s=20.0, n_starts=3, n_alike=2, n_exchanged=1, n_finish_passes=8
            )
        },
    )
    for phrase in (
        "3 runs with 240 volumes in all, TR 2.5 s",
        "90 voxels in 2 regions",
        "V1 (Leaky, 16 units) and FFA (GRU, 8 units)",
        "resolution of 0.25 s",
        "cut-off of 0.02 Hz",
        "3 values from 0.1 to 10",
        "truncated to 20 s",
        "30 epochs with a learning rate of 0.01, and then for 8 evaluations of the objective by",
        "leave-one-session-out",
        "0.1 for glm and 0.25 for drm",
        "torch 2.13.0",
        "seed was 0; of 3 fits from different initial values the best was kept, and 2 of "
        "them agreed (1 with populations in each other's place, which the data do not tell apart)",
    ):
        assert phrase in text
    assert "confound" not in text  # there were none


def test_what_was_held_out_is_named(inputs):
    blocks = {"held_out": "blocks", "n_folds": 5, "guard_s": 20.0}
    text = methods_text(inputs | {"cross_validation": blocks}, nuisance=Nuisance(), **SETTINGS)
    assert "over 5 contiguous blocks of time" in text
    assert "scans less than 20 s from it were neither trained on nor scored" in text
    assert "Patterson, H. D., & Thompson, R. (1971)" in text
    none = {"held_out": "none", "n_folds": 1}
    text = methods_text(inputs | {"cross_validation": none}, nuisance=Nuisance(), **SETTINGS)
    assert "Models were scored in sample" in text
    assert "had not seen" not in text and "held-out" not in text


def test_confounds_are_named_where_there_were_some(inputs):
    inputs["runs"][0]["confounds"] = "c.tsv"
    assert "confound regressors" in methods_text(inputs, nuisance=Nuisance(), **SETTINGS)
    without = methods_text(inputs, nuisance=Nuisance(confounds=False), **SETTINGS)
    assert "confound" not in without


def test_references_are_those_cited(inputs):
    text = methods_text(inputs, nuisance=Nuisance("none"), **SETTINGS)
    body, listed = text.split("# References")
    for key, citation in _CITATIONS.items():
        assert (citation in body) == (REFERENCES[key] in listed)
    assert "Williams" not in text  # backpropagation was not cut
    assert "drift" not in body


def test_statistics_are_named_as_far_as_they_were_made(inputs):
    inputs["models"] = ["glm", "mean", "drm"]
    inputs["statistics"] = {
        "n_permutations": 500,
        "log_likelihood": True,
        "n_repeated_stimuli": 2,
        "repeats_held_out_together": True,
    }
    text = methods_text(inputs, nuisance=Nuisance(), **SETTINGS)
    for phrase in (
        "The model mean predicted, without any use of the stimuli",
        "corrected resampled t-test (Nadeau & Bengio, 2003)",
        "500 random circular shifts",
        "(Nichols & Holmes, 2002)",
        "(Sahani & Linden, 2003), and correlations were normalised by them (Schoppe et al., 2016).",
        "Held-out log-likelihoods",
    ):
        assert phrase in text
    inputs |= {"models": ["glm", "drm"], "statistics": {"n_permutations": 0}}
    text = methods_text(inputs, nuisance=Nuisance(), **SETTINGS)
    assert "Nadeau" in text
    for phrase in ("shifts", "model mean", "ceilings", "log-likelihoods", "Nichols"):
        assert phrase not in text
