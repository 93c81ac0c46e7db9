"""The examples run as a reader would run them, and show what they say."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs an example and returns what it prints.

    In this process, as most examples are shorter than the import of torch and nilearn. ``n_epochs``
    stands in for that of the example, where fewer show the same.
    """

    def run_example(name: str, *arguments: str, n_epochs: int | None = None) -> str:
        path = EXAMPLES / name
        source = path.read_text()
        if n_epochs is not None:
            source, n = re.subn(r"(n_epochs(=|\": ))\d+", rf"\g<1>{n_epochs}", source)
            assert n > 0
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        plt.switch_backend("Agg")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            exec(compile(source, path, "exec"), {"__name__": "__main__"})
        plt.close("all")
        return capsys.readouterr().out

    return run_example


@pytest.mark.slow
def test_a_brain_by_hand(run: Callable[..., str]) -> None:
    out = run("plot_1_first_model.py", n_epochs=20)
    found = re.search(r"loss ([\d.]+) -> ([\d.]+)", out)
    assert found is not None and float(found[2]) < float(found[1]) - 0.05 < 0.65  # no unit is dead


@pytest.mark.slow
def test_models_compared(run: Callable[..., str]) -> None:
    out = run("plot_2_compare_models.py", n_epochs=2)
    assert "R2 of each held-out run" in out and "feedback" in out and "glm" in out


def test_a_population_of_your_own(run: Callable[..., str]) -> None:
    assert "keeps the contract" in run("plot_3_own_population.py")


@pytest.mark.slow
def test_which_connection_attention_modulates(run: Callable[..., str]) -> None:
    out = run("plot_4_attention_to_motion.py", n_epochs=8)
    assert "attention modulates V1 -> V5" in out


@pytest.mark.slow
def test_a_net_that_learns_a_task(run: Callable[..., str]) -> None:
    out = run("plot_15_decision_task.py")
    assert "the area is most like LIP" in out


def test_a_column_that_oscillates(run: Callable[..., str]) -> None:
    out = run("plot_12_oscillating_column.py")
    assert "the same seed, the same noise: True" in out and "n_substeps=2" in out
    found = re.search(r"without noise: \[([\d. ]+)\]", out)
    assert found is not None
    rest, low, high, _ = map(float, found[1].split())
    assert max(rest, low) < 0.01 and high > 0.1


@pytest.mark.slow
def test_receptive_fields_are_recovered(run: Callable[..., str]) -> None:
    found = re.search(r"off by \(deg\): \[([\d. ]+)\]", run("plot_13_receptive_fields.py"))
    assert found is not None and max(map(float, found[1].split())) < 0.4


@pytest.mark.slow
def test_a_brain_at_rest(run: Callable[..., str]) -> None:
    found = re.search(r"coupling\s+([\d.]+)\s+([\d.]+)", run("plot_14_resting_state.py"))
    assert found is not None and abs(float(found[1]) - 0.9) < 4 * float(found[2]) < 0.6


#: Examples of readouts, each with a number that it prints and what it should be, about.
READOUTS = {
    "plot_5_lead_field.py": (r"electrodes never seen: r = ([\d.]+)", 1.0),
    "plot_6_calcium.py": (r"hrf.decay = ([\d.]+) s", 0.6),
    "plot_7_spikes.py": (r"the past acts for ([\d.]+) s", 0.06),
    "plot_8_field_potential.py": (r"currents of E and I: ([\d.]+)", 1.0),
    "plot_9_single_population.py": (r"time constant ([\d.]+) s", 0.35),
    "plot_10_movement.py": (r"held-out velocity x: r = ([\d.]+)", 0.87),
    "plot_11_reaction_time.py": (r"([\d.]+)% of the held-out answers come before the 50%", 50.0),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:loop of E, I")  # of rectified units, but one inhibits
@pytest.mark.parametrize("name", READOUTS)
def test_readouts(run: Callable[..., str], name: str, tmp_path: Path) -> None:
    pattern, value = READOUTS[name]
    figure = tmp_path / "figure.png"
    found = re.search(pattern, run(name, str(figure)))
    assert found is not None and float(found[1]) == pytest.approx(value, rel=0.15)
    assert figure.stat().st_size > 0


@pytest.mark.slow
def test_spikes_of_pictures_that_were_shown_in_the_scanner_alone(
    run: Callable[..., str], tmp_path: Path
) -> None:
    out = run("plot_16_several_readouts.py", str(tmp_path / "spikes.png"))
    both, alone = re.findall(r"off by ([\d.]+) spikes/s", out)
    assert float(both) < 2.5 and float(alone) > 5


@pytest.mark.slow
def test_couplings_of_four_regions_are_recovered(run: Callable[..., str]) -> None:
    out = run("plot_17_dynamic_causal_model.py", n_epochs=25)
    found = re.search(r"r = ([\d.]+)\nright signs: (\d) of 8", out)
    assert found is not None and float(found[1]) > 0.9 and int(found[2]) >= 7


def test_every_example_is_run() -> None:
    text = Path(__file__).read_text()
    assert all(path.name in text for path in EXAMPLES.glob("*.py"))
