import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drmbids.brain.modelfile.load import as_model, parse_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.source import Source
from drmbids.brain.modelfile.write import model_data, model_hash

names = st.text(min_size=1, max_size=8).filter(lambda t: t.isprintable() and t == t.strip())
seconds = st.floats(1e-6, 1e6)
options = st.fixed_dictionaries(
    {},
    optional={
        "tau_s": st.none() | seconds | st.lists(seconds, min_size=1, max_size=3),
        "nonlinearity": st.sampled_from(["relu", "linear", "softplus"]),
    },
)
drifts = st.one_of(
    st.builds(lambda n: {"kind": "polynomial", "order": n}, st.integers(0, 5)),
    st.builds(lambda f: {"kind": "cosine", "high_pass_hz": f}, st.floats(1e-5, 1.0)),
    st.just({"kind": "none"}),
)


@st.composite
def models(draw: st.DrawFn) -> ModelSpec:
    """Draw a model: a chain of populations with some projections back."""
    drawn = draw(st.lists(names, min_size=2, max_size=6, unique=True))
    drawn = [n for n in drawn if n != "each_region"] or ["a", "b"]
    stimulus, populations = drawn[0], drawn[1:] or [drawn[0] + "x"]
    chain = [{"from": a, "to": b} for a, b in zip([stimulus, *populations], populations)]  # noqa: B905
    limits = {"delay_s": 3.5, "delay_min_s": 2.5, "delay_max_s": draw(st.floats(4.0, 1e3))}
    delays = [{"delay_ticks": draw(st.integers(1, 9))}, limits, {**limits, "trainable": False}]
    back = [
        {"from": name, "to": populations[0], **draw(st.sampled_from(delays))}
        for name in populations[1:]
        if draw(st.booleans())
    ]
    data = {
        "schema_version": 1,
        "name": draw(names),
        "resolution_s": draw(st.just("auto") | st.floats(1e-3, 2.0)),
        "stimuli": {
            stimulus: {
                "conditions": draw(st.just("all") | st.lists(names, min_size=1, unique=True))
            }
        },
        "populations": {
            name: {"kind": "leaky", "units": draw(st.just("auto") | st.integers(3, 64))}
            | draw(options)
            for name in populations
        },
        "projections": [*chain, *back],
        "readout": {
            "hrf": draw(st.none() | st.just({"kind": "smooth", "n_basis": 7, "per_region": True})),
            "drift": draw(drifts),
            "confounds": draw(st.sampled_from(["per_run", "shared", "none"])),
            "regions": draw(st.none() | st.dictionaries(names, st.just(populations), min_size=1)),
        },
        "training": draw(
            st.fixed_dictionaries({}, optional={"n_epochs": st.integers(1), "window_s": seconds})
        ),
        "view": draw(st.dictionaries(names, st.tuples(seconds, seconds).map(list), max_size=2)),
    }
    text = draw(st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
    return as_model(data | ({} if text is None else {"description": text}))


@settings(max_examples=60, deadline=None)
@given(models())
def test_yaml_reads_back_as_an_equal_model(spec: ModelSpec) -> None:
    text = spec.to_yaml()
    back = parse_model(text)
    assert back == spec
    assert model_hash(back) == model_hash(spec)
    assert back.to_yaml() == text


@settings(max_examples=30, deadline=None)
@given(models())
def test_data_are_those_of_a_model_file(spec: ModelSpec) -> None:
    assert as_model(model_data(spec)) == spec


@pytest.mark.parametrize(
    "name",
    ["true", "null", "no", "12", "1e3", "0x1f", "~", ".inf", "2001-01-01", "<<", "=", "?0", "-",
     "-a", "a: b", "a #b", "#", "&a", "*a", "!a", "%a", "@a", "`", "[a]", "{a}", "a,b", "'", '"',
     "|", ">", "7Networks_LH_Vis_1", "Ärea 17", "a\\n", "..."],
)  # fmt: skip
def test_names_that_mean_something_to_yaml(two_areas: str, name: str) -> None:
    data = Source(two_areas.replace("V1", "THE_NAME")).data
    text = json.dumps(data).replace("THE_NAME", json.dumps(name)[1:-1])
    spec = as_model(json.loads(text))
    assert parse_model(spec.to_yaml()) == spec
    assert name in spec.populations


def test_yaml_is_readable(two_areas: str) -> None:
    text = parse_model(two_areas).to_yaml()
    assert "\n# who sends to whom;" in text
    assert "\n  - {from: V1, to: FFA, delay_s: 1.5}\n" in text
    assert "\n  V1: {kind: leaky, units: 6, tau_s: [0.3, 3.0], nonlinearity: tanh}\n" in text
    assert "\n    FFA: [V1, FFA]\n" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("view: {V1: [0, 1.5]}", "view: {FFA: [3, 4]}", True),
        ("view: {V1: [0, 1.5]}\n", "", True),
        ("{V1: [V1], FFA: [V1, FFA]}", "{FFA: [V1, FFA], V1: [V1]}", True),
        ("tau_s: [0.3, 3.0], nonlinearity: tanh", "nonlinearity: tanh, tau_s: [0.3, 3]", True),
        ("units: 6", "units: 7", False),
        ("delay_s: 1.5", "delay_s: 2.0", False),
        ("[house, face]", "[face, house]", False),
        ("nonlinearity: tanh", "nonlinearity: relu", False),
    ],
)
def test_hash_is_that_of_the_science(two_areas: str, old: str, new: str, same: bool) -> None:
    assert old in two_areas
    first, second = parse_model(two_areas), parse_model(two_areas.replace(old, new))
    assert (model_hash(first) == model_hash(second)) is same


def test_hash_ignores_the_order_of_projections(two_areas: str) -> None:
    spec = parse_model(two_areas)
    turned = spec.model_copy(update={"projections": spec.projections[::-1]})
    assert model_hash(spec) == model_hash(turned)
    assert len(model_hash(spec)) == 64


def test_null_is_as_if_absent(two_areas: str) -> None:
    assert "window_s" in Source(two_areas).data["training"]
    assert "window_s" not in model_data(parse_model(two_areas))["training"]
