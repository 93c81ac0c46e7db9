from typing import Any

import pytest
import torch

from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError


def run_script(text: str) -> DRMNet:
    names: dict[str, Any] = {}
    exec(compile(text, "script.py", "exec"), names)
    return names["net"]


@pytest.mark.parametrize("which", ["file", "learned", "default"])
def test_the_script_builds_the_same_net(which: str, two_areas: str, runs: list[Run]) -> None:
    if which == "learned":
        limits = "delay_s: 1.3, delay_min_s: 0.5, delay_max_s: 2.25, trainable: false"
        two_areas = two_areas.replace("delay_s: 1.5", limits)
    spec = default_model() if which == "default" else parse_model(two_areas)
    torch.manual_seed(0)
    built = spec.build(runs)
    torch.manual_seed(0)
    scripted = run_script(spec.to_python(runs))
    assert scripted.schedule() == built.schedule()
    ends = [(r["source"], r["target"], r["delay_s"]) for r in built.connection_rows()]
    assert [(r["source"], r["target"], r["delay_s"]) for r in scripted.connection_rows()] == ends
    assert scripted.stimuli == built.stimuli
    assert scripted.readout.nuisance == built.readout.nuisance
    assert scripted.readout.regions == built.readout.regions
    theirs = built.state_dict()
    ours = scripted.state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


def test_a_script_without_data(two_areas: str) -> None:
    net = run_script(parse_model(two_areas).to_python())
    assert net.readout.n_targets == (1, 1)
    assert net.population_names == ("V1", "FFA")


def test_what_is_left_to_the_data_is_told() -> None:
    with pytest.raises(ModelError) as error:
        default_model().to_python()
    message = str(error.value)
    for left in (
        "conditions is all",
        "regions is not given",
        "each_region",
        "resolution_s is auto",
    ):
        assert left in message


def test_names_are_quoted(two_areas: str) -> None:
    odd = two_areas.replace("two_areas", '\'quote """ me\'').replace("house", "'it''s \\'")
    net = run_script(parse_model(odd).to_python())
    assert net.stimuli["events"] == ("it's \\", "face")
