"""Priors in model files: read, written, built, put into scripts, and checked where they stand."""

import math

import pytest

from drmbids.brain.connections.weights import LowRank
from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.modelfile.shape import DataShape
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.estimation.weight_prior import WeightPriorKind, log_density

TEXT = """
schema_version: 1
stimuli: {events: {}}
populations:
  V1: {kind: leaky, priors: {tau_s: {mean: 1.0, sd: 0.5}}}
  V2: {kind: leaky}
projections:
  - {from: events, to: V1}
  - from: V1
    to: V2
    delay_s: 0.3
    delay_min_s: 0.1
    delay_max_s: 0.8
    priors: {delay_s: {mean: 0.2, sd: 0.1}}
readout:
  hrf: {kind: double_gamma, priors: {delay_s: none, ratio: {mean: 0.2, sd: 0.05}}}
"""
SHAPE = DataShape({"V1": 2, "V2": 1}, {"events": ("a", "b")}, (), (2.0,))


def priors_of(rows: list[dict]) -> dict[str, tuple[float, float]]:
    found = {f"{r['node']} {r['parameter']}": (r["prior_mean"], r["prior_sd"]) for r in rows}
    return {name: prior for name, prior in found.items() if not math.isnan(prior[0])}


def test_priors_reach_their_parameters_by_every_way() -> None:
    model = parse_model(TEXT)
    rows = model.build(SHAPE).parameter_rows()
    assert priors_of(rows) == {
        "V1 tau": (1.0, 0.5),
        "readout hrf.undershoot": (16.0, 4.0),  # the default
        "readout hrf.dispersion": (1.0, 0.25),
        "readout hrf.u_dispersion": (1.0, 0.25),
        "readout hrf.ratio": (0.2, 0.05),
        "V1 -> V2 delay": (0.2, 0.1),
    }
    assert parse_model(model.to_yaml()) == model
    script: dict = {}
    exec(model.to_python(SHAPE), script)
    assert priors_of(script["net"].parameter_rows()) == priors_of(rows)


def test_each_region_hands_its_priors_to_the_regions() -> None:
    text = """
schema_version: 1
stimuli: {events: {}}
populations: {each_region: {kind: leaky, priors: {tau_s: {mean: 2.0, sd: 1.0}}}}
projections: [{from: events, to: each_region}]
"""
    found = priors_of(parse_model(text).build(SHAPE).parameter_rows())
    assert found["V1 tau"] == found["V2 tau"] == (2.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tau_s: {mean: 1.0", "tau: {mean: 1.0", r":5: populations.V1.priors.tau: .*'tau_s'"),
        ("mean: 1.0", "mean: -1.0", r":5: .*mean -1 must lie between 0 and inf"),
        ("sd: 0.5", "sd: 0.0", r":5: populations.V1.priors.tau_s.sd: must be greater than 0"),
        ("mean: 0.2, sd: 0.1", "mean: 0.9, sd: 0.1", r":14: .*between 0.1 and 0.8"),
        ("    delay_min_s: 0.1\n    delay_max_s: 0.8\n", "", "only a delay with delay_min_s"),
        ("ratio: {", "rate: {", r":16: readout.hrf.priors.rate: .*'ratio'"),
    ],
)
def test_faults_are_named_with_their_line(old: str, new: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_model(TEXT.replace(old, new))


def test_priors_of_weights_reach_populations_and_projections_by_every_way() -> None:
    text = """
schema_version: 1
stimuli: {events: {}}
populations:
  V1: {kind: leaky, units: 3, weight_prior: {kind: laplace, sd: 0.5}}
  V2: {kind: leaky, units: 3, weight_prior: {kind: normal, sd: 0.2}}
projections:
  - {from: events, to: V1}
  - from: V1
    to: V2
    weights: {kind: low_rank, rank: 1, weight_prior: {kind: group, sd: 0.1}}
"""
    model = parse_model(text)
    net = model.build(SHAPE)
    script: dict = {}
    exec(model.to_python(SHAPE), script)
    for built in (net, script["net"]):
        (weights,) = [m for m in built.modules() if isinstance(m, LowRank)]
        v1, v2 = built.population_list
        kinds: list[tuple[WeightPriorKind, float]] = [("laplace", 0.5), ("normal", 0.2)]
        for node, prior in zip((v1, v2, weights), [*kinds, ("group", 0.1)], strict=True):
            (term,) = node.log_prior_terms()
            assert term.item() == pytest.approx(log_density(node.weight_matrix(), *prior).item())
    assert parse_model(model.to_yaml()) == model


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("{kind: lasso, sd: 1}", "weight_prior.kind: .*'normal', 'laplace', 'group' or 'start'"),
        ("{kind: laplace, sd: 0}", "weight_prior.sd: must be greater than 0"),
    ],
)
def test_faulty_priors_of_weights(prior: str, message: str) -> None:
    text = TEXT.replace("V2: {kind: leaky}", f"V2: {{kind: leaky, weight_prior: {prior}}}")
    with pytest.raises(ModelError, match=message):
        parse_model(text)


def test_a_population_without_a_matrix_of_weights_has_no_prior_of_them() -> None:
    text = TEXT.replace(
        "V2: {kind: leaky}", "V2: {kind: gru, weight_prior: {kind: laplace, sd: 1}}"
    )
    with pytest.raises(ModelError, match=r"V2.weight_prior: .*no matrix of weights"):
        parse_model(text)
