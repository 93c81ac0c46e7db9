"""What stands beside the models is what was asked for, and the GLM."""

from pathlib import Path

import pytest

from drmbids.app.analysis.baselines import baseline_models
from drmbids.app.analysis.compared import describe_models, load_models
from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.analysis.cross_validation import CrossValidation
from drmbids.app.analysis.settings import settings_of
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.ridge import RidgeBaseline

PLACE = {"bids_dir": Path("ds"), "out_dir": Path("out"), "level": "participant"}
RUNS, BLOCKS = CrossValidation("run", 5), CrossValidation("blocks", 4)


def test_the_glm_is_always_there_and_the_rest_is_chosen() -> None:
    nuisance = Nuisance(order=1)
    assert list(baseline_models(Config(**PLACE), nuisance, RUNS)) == ["glm", "freehrf", "mean"]
    assert list(baseline_models(Config(**PLACE), nuisance, BLOCKS)) == ["glm", "freehrf"]
    config = resolve_config(
        {**PLACE, "baselines": ["ridge", "ar1", "hrflibrary"], "baseline_hrf": "spm"}
    )
    found = baseline_models(config, nuisance, RUNS)
    assert {name: type(model) for name, model in found.items()} == {
        "glm": GLMBaseline,
        "ar1": ARBaseline,
        "hrflibrary": HRFLibrary,
        "ridge": RidgeBaseline,
    }
    assert all(model.nuisance == nuisance for model in found.values())
    assert found["glm"].hrf_model == found["ar1"].hrf_model == "spm"
    assert list(baseline_models(Config(**PLACE, baselines=("glm",)), nuisance, RUNS)) == ["glm"]
    with pytest.raises(UsageError, match="baselines"):
        resolve_config({**PLACE, "baselines": ["lasso"]})


def test_settings_of_earlier_results_stay_the_same() -> None:
    assert "baselines" not in settings_of(Config(**PLACE), {})
    assert settings_of(Config(**PLACE, baselines=("glm",)), {})["baselines"] == ["glm"]


def test_names_of_baselines_are_described_and_taken(tmp_path: Path) -> None:
    assert "ridgepredicted" not in describe_models([])
    assert describe_models(["ridge"])["ridgepredicted"].endswith("ridge regression")
    path = tmp_path / "model.yaml"
    text = "schema_version: 1\nname: ridge\nstimuli: {events: {}}\n"
    path.write_text(text + "populations: {V1: {kind: leaky, units: 1}}\n"
                    "projections: [{from: events, to: V1}]\n")  # fmt: skip
    with pytest.raises(ModelError, match="the name 'ridge' is taken"):
        load_models([path])
