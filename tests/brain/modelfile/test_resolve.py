from collections.abc import Callable
from dataclasses import replace

import pytest

from drmbids.brain.modelfile.load import as_model, parse_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.resolve import resolve
from drmbids.brain.modelfile.shape import DataShape
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, ModelError

SHAPE = DataShape({"V1": 3, "FFA": 2, "PPA": 4}, {"events": ("face", "house")}, (), (2.0,))


def template(**changes: object) -> ModelSpec:
    """Return a model with a population for each region."""
    data = {
        "schema_version": 1,
        "stimuli": {"events": {}},
        "populations": {"each_region": {"kind": "leaky"}},
        "projections": [
            {"from": "events", "to": "each_region"},
            {"from": "each_region", "to": "each_region", "delay_ticks": 1},
        ],
    }
    return as_model(data | changes)


def delays(spec: ModelSpec) -> dict[tuple[str, str], float]:
    return {(p.source, p.target): p.delay_s for p in spec.projections}


def test_each_region_is_every_region() -> None:
    spec = resolve(template(), SHAPE)
    regions = ["V1", "FFA", "PPA"]
    assert list(spec.populations) == regions
    assert {p.units for p in spec.populations.values()} == {8}
    between = {(a, b): 0.5 for a in regions for b in regions if a != b}
    assert delays(spec) == {("events", r): 0.0 for r in regions} | between
    assert spec.readout.regions == {r: (r,) for r in regions}
    assert spec.stimuli["events"].conditions == ("face", "house")
    assert resolve(spec, SHAPE) == spec


def test_what_is_written_for_a_name_wins() -> None:
    spec = template(
        resolution_s=0.5,
        populations={
            "hippocampus": {"kind": "gru", "units": 3},
            "each_region": {"kind": "leaky"},
            "FFA": {"kind": "gru", "units": 5},
        },
        projections=[
            {"from": "events", "to": "each_region"},
            {"from": "each_region", "to": "each_region", "delay_ticks": 1},
            {"from": "each_region", "to": "FFA", "delay_s": 1.0},
            {"from": "FFA", "to": "hippocampus"},
            {"from": "hippocampus", "to": "each_region", "delay_s": 2.0},
            {"from": "hippocampus", "to": "FFA", "delay_s": 1.5},
        ],
    )
    resolved = resolve(spec, SHAPE)
    assert {n: p.kind for n, p in resolved.populations.items()} == {
        "hippocampus": "gru", "V1": "leaky", "PPA": "leaky", "FFA": "gru"
    }  # fmt: skip
    found = delays(resolved)
    assert found["V1", "FFA"] == found["PPA", "FFA"] == 1.0
    assert found["FFA", "V1"] == found["V1", "PPA"] == 0.5
    assert found["hippocampus", "V1"] == 2.0
    assert found["hippocampus", "FFA"] == 1.5
    assert ("FFA", "FFA") not in found


def test_two_rules_of_one_rank_must_agree() -> None:
    spec = template(
        populations={"each_region": {"kind": "gru"}, "V1": {"kind": "gru"}, "FFA": {"kind": "gru"}},
        projections=[
            {"from": "events", "to": "each_region"},
            {"from": "each_region", "to": "FFA", "delay_ticks": 1},
            {"from": "V1", "to": "each_region", "delay_ticks": 2},
        ],
    )
    with pytest.raises(
        ModelError, match="V1 -> FFA follows from each_region -> FFA and V1 -> each"
    ):
        resolve(spec, SHAPE)


def test_regions_to_model() -> None:
    one = resolve(template(readout={"regions": {"PPA": ["each_region"]}}), SHAPE)
    assert list(one.populations) == ["PPA"]
    cortex = template(
        populations={"cortex": {"kind": "gru"}},
        projections=[{"from": "events", "to": "cortex"}],
        readout={"regions": {"each_region": ["cortex"]}},
    )
    assert resolve(cortex, SHAPE).readout.regions == dict.fromkeys(SHAPE.regions, ("cortex",))


def test_the_only_region_reads_all_populations() -> None:
    spec = template(
        populations={"A": {"kind": "gru"}, "B": {"kind": "gru"}},
        projections=[{"from": "events", "to": "A"}, {"from": "A", "to": "B"}],
    )
    shape = DataShape({"cortex": 9}, SHAPE.stimuli, (), (2.0,))
    assert resolve(spec, shape).readout.regions == {"cortex": ("A", "B")}
    with pytest.raises(ModelError, match="no population for V1, FFA, PPA of the data"):
        resolve(spec, SHAPE)


@pytest.mark.parametrize(
    ("tr", "tick"),
    [(2.0, 0.5), (2.5, 0.5), (0.8, 0.4), (0.72, 0.36), (1.1, 1.1 / 3), (0.5, 0.5), (0.1, 0.1)],
)
def test_auto_resolution(tr: float, tick: float) -> None:
    shape = DataShape({"V1": 1}, {"events": ("a",)}, (), (tr,))
    spec = resolve(template(), shape)
    assert spec.resolution_s == pytest.approx(tick)


@pytest.mark.parametrize(
    ("said", "tick"),
    [
        ({"delay_s": 0.4}, 0.4),
        ({"delay_s": 0.7}, 0.1),  # a multiple of no longer tick that is a fraction of 2 s
        ({"delay_s": 1.0}, 0.5),
        ({"delay_s": 0.3, "delay_min_s": 0.29, "delay_max_s": 1.0}, 2 / 7),
        ({"delay_ticks": 2}, 0.5),
        ({"delay_s": 0.5, "gated_by": [{"by": "events", "delay_s": 0.2}]}, 0.1),
    ],
)
def test_auto_resolution_is_no_coarser_than_delays(said: dict, tick: float) -> None:
    spec = template(
        projections=[
            {"from": "events", "to": "each_region"},
            {"from": "each_region", "to": "each_region", **said},
        ]
    )
    assert resolve(spec, SHAPE).resolution_s == pytest.approx(tick)


@pytest.mark.parametrize(
    ("shortest", "tick"),
    [(None, 0.5), (3.0, 0.5), (0.25, 0.5), (0.2, 0.4), (0.1, 0.25), (0.0, 0.25)],
)
def test_auto_resolution_is_finer_for_brief_events(shortest: float | None, tick: float) -> None:
    shape = replace(SHAPE, shortest_event=shortest)
    assert resolve(template(), shape).resolution_s == pytest.approx(tick)


@pytest.mark.parametrize(("times", "message"), [((1.5, 2.0), "1.5 s, 2 s"), ((), "no run has one")])
def test_auto_resolution_needs_one_repetition_time(times: tuple, message: str) -> None:
    shape = DataShape({"V1": 1}, {"events": ("a",)}, (), times)
    with pytest.raises(ModelError, match=message):
        resolve(template(), shape)


def test_delays_are_held_against_an_automatic_resolution() -> None:
    spec = template(
        projections=[
            {"from": "events", "to": "each_region"},
            {"from": "each_region", "to": "each_region", "delay_s": 0.7137},
        ]
    )
    with pytest.raises(ModelError, match=r"projections: V1 -> FFA: 0.7137 s is no multiple"):
        resolve(spec, SHAPE)


@pytest.mark.parametrize(("n_conditions", "units"), [(1, 8), (4, 12), (40, 64)])
def test_auto_units(n_conditions: int, units: int) -> None:
    conditions = tuple(f"c{k}" for k in range(n_conditions))
    spec = template(
        populations={"A": {"kind": "gru"}, "B": {"kind": "gru"}},
        projections=[{"from": "events", "to": "A"}, {"from": "A", "to": "B"}],
    )
    resolved = resolve(spec, DataShape({"V1": 1}, {"events": conditions}, (), (2.0,)))
    assert [p.units for p in resolved.populations.values()] == [units, units]


def test_all_that_the_data_lack_at_once(two_areas: str) -> None:
    spec = parse_model(two_areas.replace("confounds: none", "confounds: shared"))
    shape = DataShape({"V1": 3, "PPA": 2}, {"events": ("fase", "scene")}, None, (2.0,))
    with pytest.raises(ModelError) as error:
        resolve(spec, shape)
    assert error.value.problems == [
        "stimuli.events.conditions: the runs have no condition 'house'; choose one of: fase, scene",
        "stimuli.events.conditions: the runs have no condition 'face'; did you mean 'fase'?",
        "readout.regions.FFA: the runs have no region 'FFA'; choose one of: V1, PPA",
        "readout.confounds: shared weights need the same confound columns in all runs; use per_run",
    ]
    with pytest.raises(ModelError, match="no stimulus 'events'; choose one of: movie"):
        resolve(spec, DataShape(SHAPE.regions, {"movie": ("x",)}, (), (2.0,)))
    with pytest.raises(ModelError, match="the runs have no responses"):
        resolve(template(), DataShape({}, SHAPE.stimuli, (), (2.0,)))


def test_a_population_out_of_reach_shows_with_the_data() -> None:
    spec = template(
        populations={"each_region": {"kind": "gru"}, "V4": {"kind": "gru"}},
        projections=[{"from": "events", "to": "each_region"}],
    )
    with pytest.raises(ModelError) as error:
        resolve(spec, SHAPE)
    assert [p.partition(",")[0] for p in error.value.problems] == [
        "populations.V4: no stimulus reaches it",
        "populations.V4: it feeds no region",
    ]


def test_shape_of_runs(make_run: Callable[..., Run]) -> None:
    first = make_run(conditions=("house", "face"), confounds=("csf",))
    second = make_run(conditions=("face", "scene"), confounds=("csf",))
    shape = DataShape.of([first.without_responses(), second])
    assert shape == DataShape(
        {"V1": 3, "FFA": 2},
        {"events": ("house", "face", "scene")},
        ("csf",),
        (2.0,),
        shortest_event=1.0,
    )
    assert DataShape.of(shape) is shape
    assert DataShape.of([first, make_run()]).confounds is None
    assert DataShape.of([first, make_run(tr=1.5)]).repetition_times == (1.5, 2.0)
    with pytest.raises(DataError, match="run-2: region 'V1' has 4 targets, 3 in sub-01_run-1"):
        DataShape.of([first, make_run(regions={"V1": 4}, label="2")])
    with pytest.raises(DataError, match="no runs"):
        DataShape.of([])


def test_repetition_time_from_measured_times(make_run: Callable[..., Run]) -> None:
    run = make_run(tr=0.8)
    timed = Run(run.responses, run.stimuli, duration=16.0)
    assert DataShape.of([timed]).repetition_times == (0.8,)


def test_modulators_are_columns_that_are_asked_for() -> None:
    shape = DataShape(
        {"V1": 3},
        {"events": ("face", "rating")},
        repetition_times=(2.0,),
        modulators={"events": ("rating",)},
    )
    content = {
        "schema_version": 1,
        "populations": {"V1": {"kind": "leaky"}},
        "projections": [{"from": "events", "to": "V1"}],
    }

    def columns(**stimulus: object) -> tuple[str, ...]:
        spec = as_model({**content, "stimuli": {"events": stimulus}})
        resolved = spec.resolve(shape)
        assert resolved.resolve(shape) == resolved
        return tuple(resolved.stimuli["events"].conditions)

    assert columns() == ("face",)
    assert columns(modulators=["rating"]) == columns(modulators="all") == ("face", "rating")
    with pytest.raises(ModelError, match=r"no modulator 'ratng'.*rating"):
        columns(modulators=["ratng"])
