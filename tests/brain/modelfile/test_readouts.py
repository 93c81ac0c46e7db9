"""Several readouts in a model file, and losses of readouts: said, checked, built, written."""

from typing import Any

import pytest
import torch

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.losses.correlation import Correlation
from drmbids.brain.losses.negative_binomial import NegativeBinomial
from drmbids.brain.losses.poisson import Poisson
from drmbids.brain.modelfile.load import as_model, parse_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import Readouts
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.spikes import Spikes
from drmbids.data.tools.exceptions import ModelError

HEAD = """\
schema_version: 1
resolution_s: 0.1
stimuli: {events: {conditions: [face, house]}}
populations:
  V1: {kind: leaky, units: 4}
  FFA: {kind: leaky, units: 3}
projections:
  - {from: events, to: V1}
  - {from: V1, to: FFA}
"""
SEVERAL = (
    HEAD
    + """\
readouts:
  bold: {kind: bold, hrf: {per_region: true}, regions: {V1: [V1], FFA: [FFA, V1]}}
  units:
    kind: spikes
    bin_s: 0.1
    regions: {cells: all}
    weight: 0.5
    loss: {kind: negative_binomial, dispersion: 0.2}
"""
)
SHAPE = DataShape({"V1": 5, "cells": 4, "FFA": 2}, {"events": ("face", "house")}, (), (2.0,))


def run_script(text: str) -> DRMNet:
    names: dict[str, Any] = {}
    exec(compile(text, "script.py", "exec"), names)
    return names["net"]


def changed(old: str, new: str) -> ModelSpec:
    assert old in SEVERAL
    return parse_model(SEVERAL.replace(old, new))


def test_the_net_has_the_readouts_that_the_file_says() -> None:
    readouts = parse_model(SEVERAL).build(SHAPE).readout
    assert isinstance(readouts, Readouts)
    bold, units = readouts["bold"], readouts["units"]
    assert isinstance(bold, BOLD) and isinstance(units, Spikes)
    assert readouts.responses == {"bold": ("V1", "FFA"), "units": ("cells",)}
    assert readouts.weights == {"bold": 1.0, "units": 0.5}
    assert (bold.n_targets, bold.sources, bold.hrf.n_regions) == ((5, 2), ((0,), (1, 0)), 2)
    assert (units.n_targets, units.sources, units.seconds) == ((4,), ((0, 1),), 0.1)
    assert bold.objective is None  # the one that suits it
    assert isinstance(units.objective, NegativeBinomial)
    torch.testing.assert_close(units.objective.value("dispersion"), torch.full((4,), 0.2))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [("poisson", Poisson), ("{kind: poisson, bin_width_s: 0.1}", Poisson),
     ("squared_error", DRMLoss), ("correlation", Correlation)],
)  # fmt: skip
def test_an_only_readout_has_a_loss(loss: str, kind: type) -> None:
    spec = parse_model(f"{HEAD}readout: {{kind: spikes, regions: {{cells: all}}, loss: {loss}}}\n")
    net = spec.build(SHAPE)  # an only readout may leave regions out
    assert net.readout.regions == ("cells",)
    assert type(net.readout.objective) is kind
    assert getattr(net.readout.objective, "bin_width", 1.0) == (0.1 if "0.1" in loss else 1.0)


ONLY_V1 = HEAD + "readout: {regions: {V1: all}, loss: correlation}\n"


@pytest.mark.parametrize("text", [SEVERAL, ONLY_V1], ids=["several", "one"])
def test_files_scripts_and_resolved_models_say_the_same(text: str) -> None:
    spec = parse_model(text)
    assert parse_model(spec.to_yaml()) == spec
    assert parse_model(spec.to_yaml()).to_yaml() == spec.to_yaml()
    states = []
    for net in (
        lambda: spec.build(SHAPE),
        lambda: spec.resolve(SHAPE).build(SHAPE),
        lambda: parse_model(spec.resolve(SHAPE).to_yaml()).build(SHAPE),
        lambda: run_script(spec.to_python(SHAPE)),
    ):
        torch.manual_seed(0)
        built = net()
        states.append((built.state_dict(), built.readout.regions, built.parameter_rows()))
    for state, regions, rows in states[1:]:
        assert list(state) == list(states[0][0])
        assert all(torch.equal(state[key], states[0][0][key]) for key in state)
        assert regions == states[0][1]
        assert repr(rows) == repr(states[0][2])
    assert list(run_script(spec.to_python()).readout.regions) == list(states[0][1])


def test_readouts_stand_one_below_the_other_in_a_file() -> None:
    text = parse_model(SEVERAL).to_yaml()
    assert "\n  units:\n    kind: spikes\n" in text
    assert "\n      cells: all\n" in text
    assert "\nreadout:" not in text


def test_each_region_is_what_no_readout_names() -> None:
    text = HEAD.replace("  V1: {kind: leaky, units: 4}\n  FFA", "  each_region")
    text = text[: text.index("  - {from: events")] + "  - {from: events, to: each_region}\n"
    text += (
        "readouts:\n  bold: {regions: {each_region: [each_region]}}\n"
        "  units: {kind: spikes, regions: {cells: all}}\n"
    )
    resolved = parse_model(text).resolve(SHAPE)
    assert list(resolved.populations) == ["V1", "FFA"]
    assert resolved.readouts is not None
    assert resolved.readouts["bold"].regions == {"V1": ("V1",), "FFA": ("FFA",)}
    assert resolved.readouts["units"].regions == {"cells": ("V1", "FFA")}
    with pytest.raises(ModelError, match=r"readouts\.bold\.regions: no region of the runs is left"):
        parse_model(text).resolve(DataShape({"cells": 4}, SHAPE.stimuli))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("readouts:", "readout: {regions: {V1: [V1]}}\nreadouts:", 10,
         "readout: both readout and readouts are given; make it one of the readouts"),
        ("cells: all", "FFA: all", 15,
         "readouts.units.regions.FFA: 'FFA' is predicted by readouts.bold too; keep it in one"),
        ("    regions: {cells: all}\n", "", 12,
         "readouts.units: one of several readouts has to say which regions it predicts"),
        ("cells: all", "cells: [V3]", 15,
         "readouts.units.regions.cells[0]: unknown population 'V3'; choose one of: V1, FFA"),
        ("cells: all", "cells: [V1, V1]", 15, "regions.cells: a population is there twice"),
        ("weight: 0.5", "weight: -1", 16, "weight: must be greater than or equal to 0, got -1"),
        ("  units:", "  u.s:", 12, "the name 'u.s' needs printable text without dots; rename it"),
        ("  units:", "  type:", 12, "the name 'type' means something to torch; rename it"),
        ("negative_binomial, dispersion: 0.2", "poison", 17,
         "readouts.units.loss.kind: unknown loss 'poison'; did you mean 'poisson'?"),
        ("dispersion: 0.2", "dispersoin: 1", 17, "unknown key 'dispersoin' of negative_binomial"),
        ("dispersion: 0.2", "dispersion: 0.0", 17, "readouts.units.loss: NegativeBinomial: "),
        ("kind: spikes", "kind: spiks", 13, "readouts.units.kind: unknown readout 'spiks'"),
        ("hrf: {per_region: true}", "drift: {kind: cosine, order: 2}", 11,
         "readouts.bold.drift.order: unknown key 'order'; choose one of: kind, high_pass_hz"),
        ("hrf: {per_region: true}", "hrf: {shape: spn}", 11,
         "readouts.bold.hrf.shape: unknown shape 'spn'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(ModelError) as error:
        changed(old, new)
    (problem,) = error.value.problems
    assert problem.startswith(f"model.yaml:{line}: ") and message in problem


def test_a_weight_of_0_is_one_thing_of_all_another() -> None:
    weightless = changed("weight: 0.5", "weight: 0").to_yaml()
    with pytest.raises(ModelError, match="readouts: all weights are 0, so nothing is trained"):
        parse_model(weightless.replace("kind: bold\n", "kind: bold\n    weight: 0\n"))


def test_none_and_weights_of_an_only_one_are_refused() -> None:
    with pytest.raises(ModelError, match="readouts: must be a list or mapping of 1 or more"):
        parse_model(HEAD + "readouts: {}\n")
    with pytest.raises(ModelError, match=r"readout.weight: an only readout has no weight"):
        parse_model(HEAD + "readout: {weight: 2.0}\n")


def test_what_the_data_lack_or_have_besides() -> None:
    with pytest.raises(ModelError) as error:
        changed("cells: all", "cell: all").build(SHAPE)
    assert error.value.problems == [
        "readouts.units.regions.cell: the runs have no region 'cell'; did you mean 'cells'?"
    ]
    more = DataShape({**SHAPE.regions, "choice": 2}, SHAPE.stimuli)
    with pytest.raises(ModelError, match="readouts: no readout predicts choice of the runs; add"):
        parse_model(SEVERAL).build(more)


def test_a_model_in_python_is_checked_as_a_file_is() -> None:
    spec = parse_model(SEVERAL)
    both = spec.model_copy(update={"readout": parse_model(HEAD).readout})
    with pytest.raises(ModelError, match="both readout and readouts are given"):
        as_model(both)
    assert parse_model(HEAD + "readout: null\n").readout == parse_model(HEAD).readout
