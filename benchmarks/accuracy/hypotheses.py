"""Two hypotheses on data drawn with the feedback that only one of them has, and without it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.rows import Row
from drmbids import DRMRegressor, Run, compare_models, compare_pairs, load_model, load_runs
from drmbids.app.commands.simulate import MEAN_GAIN, draw_responses, draw_templates
from drmbids.app.report.pair_text import pair_sentence
from drmbids.brain.simulation.design import draw_gains
from drmbids.data.tools.resources import demo_dataset

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
REGIONS, CONDITIONS = {"V1": 30, "V2": 30}, ("high", "low", "medium")
N_RUNS, N_VOLUMES, TR_S = 5, 120, 1.5

#: Participants drawn, and epochs of each fit.
N_DRAWS, N_EPOCHS = 20, 50

#: At a level of 5 %, 20 draws exceed this share once in 13 repetitions.
MOST_TOLD = 0.1


def draw(seed: int) -> list[Run]:
    """Return the runs of a participant whose V2 does not act on V1."""
    rng = np.random.default_rng([7, seed])
    templates = draw_templates("01", "look", REGIONS, CONDITIONS, rng, N_RUNS, N_VOLUMES, TR_S)
    net = load_model(MODELS / "no_feedback.yaml").build(templates)
    areas = dict(zip(net.population_names, net.populations, strict=True))
    with torch.no_grad():
        areas["V1"].weight.copy_(torch.tensor([[1.0, 0.5, 0.8]]))
        areas["V2"].weight.copy_(torch.tensor([[1.0]]))
    areas["V1"].set_value("tau", 0.8)
    areas["V2"].set_value("tau", 4.0)
    draw_gains(net, rng, MEAN_GAIN)
    return draw_responses(net, templates, rng)


def compared(runs: Sequence[Run]) -> pd.DataFrame:
    """Return how the two hypotheses compare on runs left out, in each area and over both."""
    models = {
        name: DRMRegressor(MODELS / f"{name}.yaml", N_EPOCHS, random_state=0)
        for name in ("no_feedback", "two_areas")
    }
    results = compare_models(models, runs, return_estimators=True, n_models_at_once=10)
    return compare_pairs(results)


def pair(seed: int) -> pd.Series:
    """Return what a participant drawn without feedback says of the two over both areas."""
    return compared(draw(seed)).set_index("region").loc["all"]


def with_feedback(subject: str) -> Row:
    """Return what a participant of ``data/contrast``, drawn with feedback, says of the two.

    The value is p where the true hypothesis is told to be better, else 1; the detail is the first
    sentence of the report.
    """
    dataset = demo_dataset()
    preprocessed = dataset / "derivatives" / "preprocessed"
    mask = f"sub-{subject}/func/sub-{subject}_task-contrast_desc-{{}}_mask.nii.gz"
    runs = load_runs(
        dataset,
        subject=subject,
        derivatives=preprocessed,
        atlas_or_mask={area: preprocessed / mask.format(area) for area in REGIONS},
    )
    pairs = compared(runs)
    both = pairs.set_index("region").loc["all"]
    p = float(both["p_pairs"]) if both["better"] == "two_areas" else 1.0
    detail = pair_sentence(pairs, {}) or ""
    return Row("hypotheses", f"contrast sub-{subject}", "p of true feedback", p, 0.05, True, detail)


def hypotheses() -> list[Row]:
    """Return how often needless feedback is said to predict better, and whether true one is."""
    found = pd.DataFrame([pair(seed) for seed in range(N_DRAWS)])
    won, sure = found["fold_mean"] > 0, found["p"] < 0.05
    detail = (
        f"{N_DRAWS} draws; ahead in {won.sum()}, with p < .05 in {(won & sure).sum()}; median "
        f"difference in r {found['fold_mean'].median():.5f}, largest {found['fold_mean'].max():.5f}"
    )
    told = float((found["better"] == "two_areas").mean())
    simpler = float((found["simpler"] == "no_feedback").mean())
    return [
        *(with_feedback(subject) for subject in ("01", "02")),
        Row(
            "hypotheses",
            "needless feedback",
            "share told to be better",
            told,
            MOST_TOLD,
            True,
            detail,
        ),
        Row("hypotheses", "no feedback", "share named as simpler", simpler, 1.0, False),
    ]
