"""Learned responses start from what their readout has by default, and are as long."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.calcium import Calcium
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.hemodynamics import HRF, DoubleGamma, SmoothHRF
from drmbids.brain.readouts.lfp import LFP, SYNAPSE
from drmbids.brain.readouts.library import LibraryHRF
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.signals.hrf import smooth_basis

LENGTHS = {BOLD: 32.0, Calcium: 3.0, LFP: 0.02}


def difference_of_exponentials(lag: np.ndarray, rise: float, decay: float) -> np.ndarray:
    return (np.exp(-lag / decay) - np.exp(-lag / rise)) / (decay - rise)


@pytest.mark.parametrize("kind", [SmoothHRF, FIR])
@pytest.mark.parametrize("readout", LENGTHS)
def test_length_is_that_of_the_default_response_unless_stated(readout: Any, kind: Any) -> None:
    assert readout([1], [1], hrf=kind()).hrf.length == LENGTHS[readout]
    assert readout([1], [1], hrf=kind(length=1.5)).hrf.length == 1.5


@pytest.mark.parametrize(
    ("readout", "length", "constants"),
    [
        (Calcium, None, {"rise": 0.05, "decay": 0.4}),
        (Calcium, 5.0, {"rise": 0.05, "decay": 0.4}),
        (LFP, None, {"rise": 0.0004, "decay": 0.002}),
    ],
)
def test_a_smooth_response_starts_nearest_to_the_default(
    readout: Any, length: float | None, constants: dict[str, float]
) -> None:
    hrf = readout([1], [1], hrf=SmoothHRF(length=length)).hrf
    lag = np.linspace(0.0, hrf.length, 2000)
    found = hrf(torch.from_numpy(lag).float())[0, 0].detach().numpy()
    wanted = difference_of_exponentials(lag, **constants)
    # as near as any sum of the bumps comes, up to its scale
    bumps = smooth_basis(torch.from_numpy(lag), hrf.n_basis, hrf.length).numpy()
    best = bumps @ np.linalg.lstsq(bumps, wanted, rcond=None)[0]
    assert np.corrcoef(found, wanted)[0, 1] > np.corrcoef(best, wanted)[0, 1] - 0.005 > 0.8
    assert np.abs(found).sum() * np.diff(lag)[0] == pytest.approx(1.0, abs=0.01)


def test_a_smooth_response_of_bold_starts_at_that_of_spm() -> None:
    alone, read = SmoothHRF(n_regions=2), SmoothHRF(n_regions=2)
    BOLD([1, 1], [1, 1], hrf=read)
    torch.testing.assert_close(alone.coefficients, read.coefficients, rtol=0, atol=0)
    lag = torch.arange(0.0, 32.0, 0.1)
    wanted = DoubleGamma("spm")(lag)[0, 0].detach()
    assert torch.corrcoef(torch.stack([read(lag)[1, 0].detach(), wanted]))[0, 1] > 0.99


def test_time_constants_that_are_not_stated_are_those_of_the_readout() -> None:
    read = LFP([1], [1], hrf=DoubleExponential(decay=0.005)).hrf
    assert read.value("rise").item() == pytest.approx(SYNAPSE["rise"])
    assert read.value("decay").item() == pytest.approx(0.005) and read.length == SYNAPSE["length"]
    assert read.value("rise").requires_grad
    assert BOLD([1], [1], hrf=DoubleExponential()).hrf.length == 3.0
    slow = LFP([1], [1], hrf=DoubleExponential(decay=0.4)).hrf  # not within 20 ms: in proportion
    assert slow.length == pytest.approx(4.0) and slow.value("rise").item() == pytest.approx(0.08)
    with pytest.raises(ModelError, match=r"got rise=0\.01, decay=0\.4, length=0\.02 s"):
        LFP([1], [1], hrf=DoubleExponential(rise=0.01, decay=0.4, length=0.02))


@pytest.mark.parametrize("kind", [SmoothHRF, DoubleExponential])
def test_a_response_that_was_fitted_stays_as_it_is(kind: Any) -> None:
    """Such as one of another net, in a new readout."""
    fitted = kind()
    with torch.no_grad():
        for parameter in fitted.parameters():
            parameter.add_(0.1)
    lag = torch.arange(0.0, fitted.length, 0.01)
    kept = copy.deepcopy(fitted)(lag)
    assert kind is not DoubleExponential or torch.equal(LFP([1], [1], hrf=fitted).hrf(lag), kept)
    torch.testing.assert_close(BOLD([1], [1], hrf=fitted).hrf(lag), kept)


@pytest.mark.parametrize("hrf", [LibraryHRF(), DoubleGamma()], ids=lambda h: type(h).__name__)
@pytest.mark.parametrize(("readout", "of"), [(Calcium, "calcium fluor"), (LFP, "field potentials")])
def test_responses_of_bold_are_refused_elsewhere(readout: Any, of: str, hrf: HRF) -> None:
    name = type(hrf).__name__
    with pytest.raises(ModelError, match=f"measures {of}.*, {name} is a response of bold; use Dou"):
        readout([1], [1], hrf=hrf)
