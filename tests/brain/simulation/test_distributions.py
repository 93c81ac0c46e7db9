"""Drawn measurements have the distribution of their readout, told by scipy, and no other noise."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import softmax

from drmbids import (
    BOLD,
    Choice,
    DRMConnection,
    DRMNet,
    Leaky,
    NegativeBinomial,
    ReactionTime,
    Run,
    Spikes,
    Stream,
    simulate_runs,
)
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.simulation.design import draw_gains
from drmbids.brain.simulation.simulate import predict
from drmbids.data.tools.exceptions import UsageError

N_TRIALS, BIN = 4000, 0.5


def net_of(readout: Any) -> DRMNet:
    """Return one leaky unit whose activity soon is 1, and stays so."""
    net = DRMNet({"V1": Leaky(1, 1, tau=0.5)}, [DRMConnection()], [[None]], readout, 0.5)
    with torch.no_grad():
        net.populations[0].weight.fill_(1.0)
        for k, part in enumerate(
            [readout] if isinstance(readout, DRMReadout) else readout.values()
        ):
            size = torch.arange(1.0, 1.0 + part.weights[0].numel()).view_as(part.weights[0])
            part.weights[0].copy_(0.3 * size * (-1) ** k)
    return net


def template(**responses: Stream) -> Run:
    """Return a stimulus that is on all the time."""
    shown = np.arange(0.25, 0.5 * N_TRIALS, 0.5)
    return Run(
        responses, {"stimulus": Stream(np.ones((N_TRIALS, 1)), shown)}, duration=0.5 * N_TRIALS,
        tr=0.5,
    )  # fmt: skip


def drawn_of(readout: DRMReadout, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn targets and predictions at the end, where they are the same in every row."""
    net, run = net_of(readout), template()
    [drawn] = simulate_runs(net, [run], **options)
    [signal] = predict(net, [run])
    later = slice(200, None)
    np.testing.assert_allclose(signal[later] - signal[-1], 0, atol=1e-3)
    return drawn.responses["R0"].values[later], signal[-1]


def agrees(counts: np.ndarray, probabilities: np.ndarray) -> None:
    """Fail unless frequencies of 0, 1, 2 ... are as probable as that (chi-squared)."""
    seen = np.bincount(counts.astype(int), minlength=len(probabilities))[: len(probabilities)]
    seen = np.append(seen, len(counts) - seen.sum())
    wanted = len(counts) * np.append(probabilities, max(1 - probabilities.sum(), 1e-12))
    likely = wanted > 5
    seen, wanted = (np.append(x[likely], x[~likely].sum()) for x in (seen, wanted))
    assert stats.chisquare(seen[wanted > 0], wanted[wanted > 0], sum_check=False).pvalue > 1e-3


def test_spikes_are_poisson_counts() -> None:
    counts, log_mean = drawn_of(Spikes([1], [3], bin=BIN), random_state=0)
    assert set(np.unique(counts)) <= set(range(40)) and not np.isnan(counts).any()
    for cell in range(3):
        agrees(counts[:, cell], stats.poisson.pmf(np.arange(12), np.exp(log_mean[cell])))
    # rates are of a second
    np.testing.assert_allclose(log_mean, np.log(BIN) + 0.3 * np.arange(1, 4), rtol=1e-5)


def test_spikes_of_overdispersed_cells_are_negative_binomial() -> None:
    readout = Spikes([1], [2], bin=BIN)
    readout.objective = NegativeBinomial(2, dispersion=0.8)
    counts, log_mean = drawn_of(readout, baseline=[1.0, 1.5], random_state=1)
    for cell in range(2):
        mean, size = np.exp(log_mean[cell] + (1.0, 1.5)[cell]), 1 / 0.8
        agrees(counts[:, cell], stats.nbinom.pmf(np.arange(25), size, size / (size + mean)))


def test_choices_are_drawn_by_their_probabilities() -> None:
    chosen, log_odds = drawn_of(Choice([1], [3]), random_state=2)
    np.testing.assert_array_equal(chosen.sum(1), 1)
    assert set(np.unique(chosen)) == {0, 1}
    agrees(chosen.argmax(1), softmax(log_odds))


def test_reaction_times_are_log_normal_and_independent() -> None:
    logs, mean = drawn_of(ReactionTime([1], [1]), noise=0.25, random_state=3)
    seconds = np.exp(logs[:, 0])
    assert stats.kstest(seconds, stats.lognorm(0.25, scale=np.exp(mean[0])).cdf).pvalue > 1e-3
    away = logs[:, 0] - mean[0]
    assert abs(np.corrcoef(away[1:], away[:-1])[0, 1]) < 0.05


def test_noise_of_bold_alone_is_correlated_by_default() -> None:
    voxels, signal = drawn_of(BOLD([1], [1]), noise=1.0, random_state=4)
    away = voxels[:, 0] - signal[0]
    assert np.corrcoef(away[1:], away[:-1])[0, 1] == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("option", ["noise", "snr", "autocorrelation"])
def test_stated_noise_of_counts_is_refused(option: str) -> None:
    net = net_of(Spikes([1], [2]))
    with pytest.raises(UsageError, match=rf"{option}: .* distributions|leave out {option}"):
        simulate_runs(net, [template()], **{option: 0.5})


def test_counts_beyond_any_recording_are_refused() -> None:
    with pytest.raises(UsageError, match="an expected count of "):
        simulate_runs(net_of(Spikes([1], [2])), [template()], baseline=800.0)


def several() -> DRMNet:
    return net_of(
        {
            "bold": BOLD([1], [2], regions=["V1"]),
            "units": Spikes([1], [3], bin=BIN, regions=["cells"]),
            "answers": Choice([1], [2], regions=["choice"]),
        }
    )


def test_several_readouts_each_at_its_own_times() -> None:
    """Names of cells and classes are those of the template; what it lacks is not measured."""
    bins, trials = BIN * np.arange(1, 4001), np.arange(3.0, 1900.0, 3.0)
    cells = Stream(np.zeros((4000, 3)), bins, ["a", "b", "c"], unit="spikes")
    full = template(
        V1=Stream(np.zeros((500, 2)), 2.0 * np.arange(500)),
        cells=cells,
        choice=Stream(np.full((len(trials), 2), np.nan), trials, ["left", "right"]),
    )
    net = several()
    both, part = simulate_runs(
        net, [full, template(cells=cells)], noise=0.5, baseline={"bold": 9.0}
    )
    assert list(both.responses) == ["V1", "cells", "choice"] and list(part.responses) == ["cells"]
    assert both.responses["cells"].columns == ("a", "b", "c")
    assert both.responses["cells"].unit == "spikes"
    assert both.responses["choice"].columns == ("left", "right")
    for name, times in (("cells", bins), ("choice", trials)):
        np.testing.assert_array_equal(both.responses[name].times, times)
    signal = predict(net, [full])[0]
    rest = both.responses["V1"].values - signal["bold"]
    assert rest.mean() == pytest.approx(9.0, abs=0.1) and rest.std() == pytest.approx(0.5, rel=0.1)
    counts = both.responses["cells"].values
    agrees(counts[40:, 0], stats.poisson.pmf(np.arange(12), np.exp(signal["units"][-1, 0])))
    assert not np.array_equal(part.responses["cells"].values, counts)


def test_several_readouts_without_a_template_are_measured_once_each_tr() -> None:
    [run] = simulate_runs(several(), [template()], snr={"bold": 2.0})
    assert {len(s.times) for s in run.responses.values()} == {N_TRIALS}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": {"units": 1.0}}, "readout 'units': Spikes is drawn from .* Poisson"),
        ({"noise": {"eeg": 1.0}}, r"noise of \['eeg'\], the model has \['bold', 'units', 'ans"),
        ({"baseline": {"units": [1.0, 2.0]}}, "readout 'units': baseline has shape"),
    ],
)
def test_options_of_several_readouts_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        simulate_runs(several(), [template()], **options)


def test_gains_are_drawn_for_all_readouts() -> None:
    net = several()
    draw_gains(net, np.random.default_rng(0), silent=0.0)
    assert all((w > 0).all() for part in net.readout.readouts for w in part.weights)
