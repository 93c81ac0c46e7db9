import inspect
from typing import ClassVar, Literal, get_args, get_origin

import pytest

from drmbids.brain.losses import LOSSES
from drmbids.brain.modelfile.options import (
    HRF_SIZES,
    LOSS_SIZES,
    POPULATION_SIZES,
    READOUT_SIZES,
    arguments,
    documented,
    options_of,
)
from drmbids.brain.nodes import DRMNode
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.populations.base import NONLINEARITIES, Nonlinearity
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.maths.signals.hrf import DOUBLE_GAMMA

COMPONENTS = [
    (registry, name, sizes)
    for registry, sizes in (
        (POPULATIONS, POPULATION_SIZES),
        (HRFS, HRF_SIZES),
        (READOUTS, READOUT_SIZES),
        (LOSSES, LOSS_SIZES),
    )
    for name in registry
]
SIZES = {"n_units": 3, "n_inputs": 2, "n_regions": 1}
READOUT = {"n_units": [3], "n_targets": [2]}


class Adapting(DRMNode):
    """A component of nobody's.

    Parameters
    ----------
    n_units, n_inputs : int
        Sizes.
    rate, gain : float
        Rates.

        A second paragraph.
    mode : {"fast", "slow"}, optional
        Seconds are not meant here.
    node : DRMNode
        A file cannot hold it.

    Returns
    -------
    nothing : float
    """

    option_units: ClassVar = {"rate": "Hz", "gain": "Hz"}

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        rate: float,
        gain: float = 1.0,
        mode: Literal["fast", "slow"] = "fast",
        node: DRMNode | None = None,
    ):
        super().__init__()


def test_an_unknown_component_is_read_like_ours() -> None:
    options = options_of(Adapting, POPULATION_SIZES)
    assert list(options) == ["rate_hz", "gain_hz", "mode"]
    assert options["mode"].choices == ("fast", "slow")
    assert options["rate_hz"].default is options["rate_hz"].REQUIRED
    assert options["rate_hz"].description == "Rates. A second paragraph."
    assert "nothing" not in documented(Adapting)
    assert arguments(Adapting, POPULATION_SIZES, {"rate_hz": 2.0}) == {"rate": 2.0}


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("rate_hz", 2, ""),
        ("rate_hz", True, "got True; write float"),
        ("rate_hz", "2", "got '2'; write float"),
        ("rate_hz", float("nan"), "got nan; write float"),
        ("mode", "slow", ""),
        ("mode", "slwo", "unknown mode 'slwo'; did you mean 'slow'?"),
        ("mode", 3, 'got 3; write {"fast", "slow"}'),
    ],
)
def test_values(key: str, value: object, problem: str) -> None:
    assert options_of(Adapting, POPULATION_SIZES)[key].problem(value) == problem


@pytest.mark.parametrize(("registry", "name", "sizes"), COMPONENTS)
def test_registered_components_can_be_stated_in_a_file(registry, name, sizes) -> None:
    component = registry[name]
    signature = inspect.signature(component).parameters
    known = READOUT if registry is READOUTS else SIZES
    needed = {k: v for k, v in known.items() if k in signature}
    node = component(**needed)
    units = {s.name: s.unit for s in getattr(node, "parameter_specs", {}).values()}
    suffixes = {"s": "_s", "Hz": "_hz", "deg": "_deg", "1": ""}
    assert set(component.option_units) <= set(signature)
    for key, option in options_of(component, sizes).items():
        assert option.description, f"{name}.{option.argument} is not described"
        assert option.default is not option.REQUIRED, f"{name} needs more than sizes"
        assert option.problem(option.default) == ""
        if option.argument in units:
            assert key == option.argument + suffixes[units[option.argument]], (
                f"{name}.option_units must state the unit of {option.argument}"
            )
        if option.choices:
            listed = ", ".join(f'"{choice}"' for choice in option.choices)
            assert option.type_text == f"{{{listed}}}", f"{name}.{option.argument} lists others"


def test_choices_are_those_that_there_are() -> None:
    shape = inspect.signature(HRFS["double_gamma"]).parameters["shape"].annotation
    assert get_origin(shape) is Literal
    assert set(get_args(shape)) == set(DOUBLE_GAMMA)
    assert set(get_args(Nonlinearity)) == set(NONLINEARITIES)


def test_keys_and_choices_do_not_need_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [options_of(registry[name], sizes) for registry, name, sizes in COMPONENTS]
    monkeypatch.setattr("inspect.getdoc", lambda _: None)  # as in `python -OO`
    for (registry, name, sizes), options in zip(COMPONENTS, whole, strict=True):
        stripped = options_of.__wrapped__(registry[name], sizes)
        assert list(stripped) == list(options)
        assert [o.choices for o in stripped.values()] == [o.choices for o in options.values()]
        assert all(o.problem(3j) for o in stripped.values())


def test_options_of_ours() -> None:
    assert list(options_of(POPULATIONS["leaky"], POPULATION_SIZES)) == [
        "tau_s",
        "nonlinearity",
        "start",
    ]
    double_gamma = ["shape", "trainable", "length_s", "derivatives"]
    assert list(options_of(HRFS["double_gamma"], HRF_SIZES)) == double_gamma
    assert list(options_of(HRFS["smooth"], HRF_SIZES)) == ["n_basis", "length_s"]
    assert list(options_of(READOUTS["bold"], READOUT_SIZES)) == []
    assert "per_region" in options_of(READOUTS["balloon"], READOUT_SIZES)
