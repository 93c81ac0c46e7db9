import pytest

from drmbids.brain.modelfile.problems import Problem, line_of, listed, raise_problems, suggestion
from drmbids.data.tools.exceptions import ModelError


def test_problems_are_sorted_by_line_and_said_once() -> None:
    lines = {(): 1, ("b",): 3, ("a",): 5}
    found = [Problem(("a", "x"), "late"), Problem(("b",), "early"), Problem(("b",), "early")]
    with pytest.raises(ModelError) as error:
        raise_problems(found, "f.yaml", lines)
    assert error.value.problems == ["f.yaml:3: b: early", "f.yaml:5: a.x: late"]
    assert raise_problems([]) is None


def test_without_a_file_the_path_stands_alone() -> None:
    with pytest.raises(ModelError, match=r"^a\[0\]: wrong$"):
        raise_problems([Problem(("a", 0), "wrong")])


def test_line_of_the_nearest_section() -> None:
    assert line_of(("a", "b", 3), {(): 1, ("a",): 4}) == 4
    assert line_of(("c",), {}) is None


def test_names_are_listed_up_to_a_dozen() -> None:
    assert listed([]) == "none"
    assert listed(map(str, range(15))).endswith("11 and 3 more")
    assert suggestion("zzz", ["a", "b"]) == "choose one of: a, b"
