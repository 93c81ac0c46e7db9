"""The names a user imports: all there, all documented."""

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import drmbids

ROOT = Path(__file__).resolve().parents[1]
NAMES = [name for name in drmbids.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_there_and_documented(name: str) -> None:
    thing = getattr(drmbids, name)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert thing.__name__ == name
    # A class must not live on the docstring of its base.
    assert (thing.__doc__ or "").strip(), f"drmbids.{name} has no docstring"


def test_star_import_gives_every_name() -> None:
    names: dict[str, object] = {}
    exec("from drmbids import *", names)
    assert set(drmbids.__all__) <= set(names)
    assert set(drmbids.__all__) <= set(dir(drmbids))


def test_names_are_written_once() -> None:
    assert len(set(drmbids.__all__)) == len(drmbids.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Voxel'"):
        drmbids.Voxel  # type: ignore[attr-defined]


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    assert cited is not None
    assert drmbids.__version__ == version("drmbids") == cited[1]
