"""The user's page on populations and connections: its code runs and no kind is forgotten."""

import re
from pathlib import Path

import pytest
import torch

from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.populations import POPULATIONS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "user" / "dynamics.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "dynamics.md", "exec"), {})
    assert "A 3.25 mV" in capsys.readouterr().out


def test_its_model_is_one_that_runs() -> None:
    (text,) = blocks("yaml")
    net = parse_model(text).build(DataShape({"V1": 2}, {"events": ("face", "house")}))
    net.check_stability()
    with torch.no_grad():
        (_, brain), _, _ = net.run([torch.ones(40, 1, 2)], net.initial_carry(1))
    assert torch.isfinite(brain).all() and brain.std() > 0


def test_every_kind_of_population_is_on_it() -> None:
    assert [kind for kind in POPULATIONS if f"`{kind}`" not in PAGE] == []
