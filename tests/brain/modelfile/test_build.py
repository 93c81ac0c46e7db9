from collections.abc import Callable

import pytest
import torch

from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.load import as_model, parse_model
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError


def test_the_net_is_what_the_file_says(two_areas: str, runs: list[Run]) -> None:
    net = parse_model(two_areas).build(runs)
    v1, ffa = net.populations
    assert net.population_names == ("V1", "FFA")
    assert net.stimuli == {"events": ("house", "face")}
    assert isinstance(v1, Leaky)
    assert isinstance(ffa, GRU)
    assert (v1.n_units, v1.n_inputs, v1.nonlinearity) == (6, 2 + 5, "tanh")
    assert (ffa.n_units, ffa.n_inputs) == (5, 6)
    # two columns, so pairs of units share a time constant
    torch.testing.assert_close(v1.value("tau"), torch.tensor([0.3, 0.3, 3.0, 3.0, 0.3, 0.3]))
    found = [(r["source"], r["target"], r["delay_s"]) for r in net.connection_rows()]
    assert found == [("events", "V1", 0.0), ("FFA", "V1", 0.5), ("V1", "FFA", 1.5)]
    readout = net.readout
    assert readout.regions == ("V1", "FFA")
    assert readout.n_targets == (3, 2)
    assert readout.sources == ((0,), (0, 1))
    assert readout.nuisance == Nuisance("cosine", high_pass=0.02, confounds=False)
    assert (readout.hrf.n_regions, readout.hrf.shape, readout.hrf.trainable) == (2, "glover", False)


LEARNED = "delay_s: 1.3, delay_min_s: 0.5, delay_max_s: 2.25"


def test_a_delay_with_limits_is_learned(two_areas: str, runs: list[Run]) -> None:
    spec = parse_model(two_areas.replace("delay_s: 1.5", LEARNED))
    for same in (spec, parse_model(spec.to_yaml()), spec.resolve(runs)):
        learned = same.build(runs).connections[2]
        assert isinstance(learned, LearnedDelay) and learned.learns_delay
        assert (learned.delay_min, learned.delay_max) == (0.5, 2.25)
        assert learned.delay == pytest.approx(1.3)
        assert (learned.shortest_ticks, learned.longest_ticks) == (1, 5)
    held = parse_model(two_areas.replace("delay_s: 1.5", f"{LEARNED}, trainable: false"))
    assert not held.build(runs).connections[2].learns_delay


def test_limits_are_dealt_out_to_each_region(runs: list[Run]) -> None:
    text = default_model().to_yaml().replace("delay_ticks: 1", "delay_ticks: 3, delay_min_s: 1.0, "
                                             "delay_max_s: 6.0")  # fmt: skip
    net = parse_model(text).build(runs)
    between = [c for c in net.connections if isinstance(c, LearnedDelay)]
    assert len(between) == 2
    assert [c.delay for c in between] == [pytest.approx(3 * net.resolution)] * 2


def test_the_net_runs(two_areas: str, runs: list[Run]) -> None:
    for spec in (parse_model(two_areas), default_model(runs)):
        net = spec.build(runs)
        items = DRMIterator.from_runs(runs, net.resolution, net.stimuli, net.readout.regions)
        for item in items:
            assert torch.isfinite(net(item)).all()
            assert net(item).shape == item["response"].shape


def test_regions_follow_the_file_and_targets_the_data(two_areas: str) -> None:
    shape = DataShape({"FFA": 7, "V4": 1, "V1": 4}, {"events": ("face", "house", "scene")})
    readout = parse_model(two_areas).build(shape).readout
    assert dict(zip(readout.regions, readout.n_targets, strict=True)) == {"V1": 4, "FFA": 7}


def test_shared_confounds(two_areas: str, make_run: Callable[..., Run]) -> None:
    spec = parse_model(two_areas.replace("confounds: none", "confounds: shared"))
    net = spec.build([make_run(confounds=("csf", "wm"))])
    assert net.readout.n_confounds == 2
    assert not net.readout.nuisance.confounds


def test_options_that_do_not_fit_automatic_units(runs: list[Run]) -> None:
    spec = as_model(
        {
            "schema_version": 1,
            "stimuli": {"events": {}},
            "populations": {"each_region": {"kind": "leaky", "tau_s": [1.0] * 9}},
            "projections": [{"from": "events", "to": "each_region"}],
        }
    )
    with pytest.raises(ModelError) as error:
        spec.build(runs)
    assert [p.partition(";")[0] for p in error.value.problems] == [
        "populations.V1: 9 time constants for 8 units",
        "populations.FFA: 9 time constants for 8 units",
    ]


def test_same_seed_same_net(runs: list[Run]) -> None:
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        nets.append(default_model().build(runs).state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])


def test_populations_that_need_more_than_one_input_are_checked_with_as_many() -> None:
    """The check of options builds each population once, before the sizes are known."""
    pixels = [f"p{k}" for k in range(16)]
    model = {
        "schema_version": 1,
        "resolution_s": 0.5,
        "stimuli": {"screen": {"conditions": pixels}},
        "populations": {
            "V1": {"kind": "conv", "units": 4, "frame": [1, 4, 4], "filters": [2]},
            "V2": {
                "kind": "receptive_field",
                "units": 4,
                "frame": [4, 4],
                "field_of_view_deg": 8.0,
            },
            "V3": {"kind": "hopf", "units": 4, "coupled": True},
        },
        "projections": [
            {"from": "screen", "to": "V1"},
            {"from": "screen", "to": "V2"},
            {"from": "V2", "to": "V1", "delay_s": 0.5},
            {"from": "V2", "to": "V3"},
        ],
    }
    shape = DataShape({"V1": 2, "V2": 2, "V3": 1}, {"screen": tuple(pixels)})
    conv, fields, masses = as_model(model).build(shape).populations
    assert (conv.n_inputs, fields.pixel, masses.n_weighted) == (20, 2.0, 0)
