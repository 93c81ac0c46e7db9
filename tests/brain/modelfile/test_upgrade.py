import pytest

from drmbids.brain.modelfile.upgrade import SCHEMA_VERSION, UPGRADERS, upgrade
from drmbids.data.tools.exceptions import ModelError


def test_every_older_version_has_a_step() -> None:
    assert sorted(UPGRADERS) == list(range(1, SCHEMA_VERSION))


def test_steps_are_taken_in_order_on_a_copy() -> None:
    steps = {
        1: lambda data: {"b": data.pop("a")},
        2: lambda data: {**data, "b": data["b"] + 1},
    }
    old = {"schema_version": 1, "a": 1}
    assert upgrade(old, steps, newest=3) == {"schema_version": 3, "b": 2}
    assert old == {"schema_version": 1, "a": 1}
    assert upgrade({"schema_version": 2, "b": 1}, steps, newest=3)["b"] == 2


def test_a_missing_step_is_told() -> None:
    with pytest.raises(ModelError, match="no way from version 1 to 2"):
        upgrade({"schema_version": 1}, {}, newest=2)


@pytest.mark.parametrize("version", ["1", 0, -1, 1.0, True, [1]])
def test_versions_that_are_none(version: object) -> None:
    with pytest.raises(ModelError, match="must be a whole number from 1"):
        upgrade({"schema_version": version})


def test_newer_and_missing() -> None:
    with pytest.raises(ModelError, match=r"version 99 and was made by a newer drmbids.*update"):
        upgrade({"schema_version": 99})
    with pytest.raises(ModelError, match="missing"):
        upgrade({})
