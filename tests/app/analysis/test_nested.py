"""Which models are parts of one another."""

from typing import Any

import pandas as pd
import pytest

from drmbids.app.analysis import parts
from drmbids.app.analysis.nested import nested_models
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.data.runs.results import Results


def spec(second: dict[str, Any] | None = None, **more: Any) -> ModelSpec:
    """Return a model of one population, or of two."""
    populations, projections = {"V1": {"kind": "leaky"}}, [{"from": "events", "to": "V1"}]
    if second is not None:
        populations["V2"] = second
        projections.append({"from": "V1", "to": "V2"})
    content = {
        "schema_version": 1,
        "stimuli": {"events": {"conditions": ["a"]}},
        "populations": populations,
        "projections": projections,
        "readout": {"regions": {"brain": list(populations)}},
    }
    return ModelSpec.model_validate(content | more)


LEAKY = {"kind": "leaky"}


def test_a_model_with_more_holds_the_smaller_one() -> None:
    found = nested_models({"large": spec(LEAKY), "small": spec()})
    assert found == {"small": ["small, large"], "large": ["small, large", "large"]}


@pytest.mark.parametrize(
    "other",
    [
        spec({"kind": "gru"}),
        spec({"kind": "leaky", "nonlinearity": "tanh"}),
        spec(LEAKY, readout={"kind": "gru", "regions": {"brain": ["V1", "V2"]}}),
        spec(LEAKY, projections=[{"from": "events", "to": "V1"}, {"from": "events", "to": "V2"}]),
        spec(LEAKY, resolution_s=0.1),
    ],
    ids=["kind", "option", "readout", "projection", "resolution"],
)
def test_models_of_other_kinds_are_not_nested(other: ModelSpec) -> None:
    assert list(nested_models({"a": spec(LEAKY), "b": other})) == ["a"]


def test_sizes_and_training_do_not_count() -> None:
    more = spec({"kind": "leaky", "units": 9}, training={"n_epochs": 3})
    assert list(nested_models({"small": spec(), "large": more})) == ["small", "large"]
    assert list(nested_models({"a": spec(LEAKY), "b": more})) == ["a"]  # nothing that differs


def test_models_left_out_are_named() -> None:
    rows = [(m, "run-1", "brain", 0, 0.5, r2) for m, r2 in zip("slx", (0.1, 0.3, 0.9), strict=True)]
    table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    models = {"s": spec(), "x": spec({"kind": "gru"}, resolution_s=0.1), "l": spec(LEAKY)}
    with pytest.warns(UserWarning, match="leave out x: they need"):
        found = parts._between_models(Results(table), models)
    assert found is not None
    assert found[["model", "part"]].to_numpy().tolist() == [["l", "l"]]
    assert found["r2"].tolist() == pytest.approx([0.2])
    with pytest.warns(UserWarning, match="leave out s, x:"):
        assert parts._between_models(Results(table), {n: models[n] for n in "sx"}) is None
