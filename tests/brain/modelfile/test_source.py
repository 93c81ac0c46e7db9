import json

import pytest

from drmbids.brain.modelfile import source as module
from drmbids.brain.modelfile.source import Source
from drmbids.data.tools.exceptions import ModelError


def test_yaml_1_2_values_are_what_they_look_like() -> None:
    text = "{a: 1e-3, b: no, c: 1:30, d: 010, e: ~, f: on, g: 0x1f, no: yes}"
    expected = {
        "a": 0.001, "b": "no", "c": "1:30", "d": 10, "e": None, "f": "on", "g": 31, "no": "yes"
    }  # fmt: skip
    assert Source(text).data == expected


def test_lines_of_keys_and_elements() -> None:
    source = Source("# comment\na:\n  - 1\n  - {b: 2,\n     c: 3}\n")
    assert source.lines == {
        (): 1, ("a",): 2, ("a", 0): 3, ("a", 1): 4, ("a", 1, "b"): 4, ("a", 1, "c"): 5
    }  # fmt: skip


def test_json_keeps_its_own_rules_and_gets_lines() -> None:
    text = '{\n\t"a":\t"\\ud83d\\ude00\\/",\n\t"b": [1,\n2.5e1]\n}'
    source = Source(text, "model.json")
    assert source.data == json.loads(text) == {"a": "\N{GRINNING FACE}/", "b": [1, 25.0]}
    assert source.lines["b", 1] == 4


def test_duplicate_and_odd_keys_are_all_reported() -> None:
    found = Source("a: 1\nb: {x: 1, x: 2}\na: 2\n7: 3\n? [p, q]\n: 4\n<<: {z: 1}").problems
    messages = [f"{p.path}: {p.message}" for p in found]
    assert [m.partition(";")[0] for m in messages] == [
        "('b', 'x'): 'x' is there twice, in lines 2 and 2",
        "('a',): 'a' is there twice, in lines 1 and 3",
        "(): line 4: the key 7 is no text",
        "(): line 5: the key a list or mapping is no text",
        "(): line 7: the key << is no text",
    ]


def test_a_date_that_is_none_is_reported() -> None:
    (problem,) = Source("a: 2001-99-01").problems
    assert problem.message == "cannot read '2001-99-01'; put it in quotes"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: &x 1\nc: *x", 2, "anchors and aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "tags"),
        ("a: !custom 1", 1, "tags"),
        ("%YAML 1.1\n---\na: yes", 2, "directives"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("a: [1,\nb: 2", 2, "not valid YAML"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("a: \x00", 1, "not valid YAML"),
        ("", 1, "a model file is a mapping"),
        ("- a", 1, "a model file is a mapping"),
        ("[" * 100_000, 1, "nested deeper than 16"),
        ("a:\n" + "- " * 30 + "1", 2, "nested deeper than 16"),
    ],
)
def test_yaml_that_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ModelError) as error:
        Source(text, "m.yaml")
    assert str(error.value).startswith(f"m.yaml:{line}: {message}")
    assert "; " in str(error.value), "no remedy"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"a": 1,\n}', 2, "not valid JSON: "),
        ("{'a': 1}", 1, "not valid JSON: "),
        ("a: 1", 1, "not valid JSON: "),
        ("[" * 100_000, 1, "nested deeper than 16"),
        ("[1]", 1, "a model file is a mapping"),
    ],
)
def test_json_that_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ModelError) as error:
        Source(text, "m.json")
    assert f"m.json:{line}: {message}"[:-1] in str(error.value)


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NODES", 10)
    with pytest.raises(ModelError, match="more than 10 values"):
        Source("a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]")
