"""Kernels, and the rises and falls of a stimulus; the rest is tested with the GLM and ridge."""

import numpy as np
import pytest
from scipy.stats import gamma

from drmbids.data.runs.stream import Events, Stream
from drmbids.fit.baselines.design import GammaKernel, StretchedHRF, convolve, hrf_functions

TIMES = 2.0 * np.arange(60)


@pytest.mark.parametrize("peak", [1.0, 3.0, 9.0])
def test_a_gamma_kernel_peaks_where_it_says(peak):
    samples = GammaKernel(peak)(2.0, 50)
    assert samples.argmax() * 0.04 == pytest.approx(peak)
    at = 0.04 * np.arange(len(samples))
    expected = gamma.pdf(at, peak + 1.0)
    np.testing.assert_allclose(samples, expected / expected.sum())


@pytest.mark.parametrize("base", ["spm", "glover"])
def test_a_stretched_hrf_is_the_named_one_on_another_time_axis(base):
    named = hrf_functions(base)[""](1.0, 100)
    slow = StretchedHRF(10.0, base)(1.0, 100)
    assert len(slow) == pytest.approx(2 * len(named), abs=1)
    every_second = slow[::2][: len(named)] * 2
    np.testing.assert_allclose(every_second, named, atol=2e-3 * named.max())


def test_edges_are_impulses_where_a_block_starts_and_ends():
    block = Events([10.0], [20.0], ["a"])
    found = convolve(block, TIMES, 2.0, [GammaKernel(4.0)], edges=True)
    assert list(found) == ["_peak_4s", "_onset_peak_4s", "_offset_peak_4s"]
    for suffix, at in (("_onset_peak_4s", 10.0), ("_offset_peak_4s", 30.0)):
        impulse = convolve(Events([at], [0.0], ["a"]), TIMES, 2.0, [GammaKernel(4.0)])
        np.testing.assert_allclose(found[suffix], impulse["_peak_4s"], atol=1e-9)
    sampled = Stream([[0.0], [1.0], [1.0], [0.0]], [9.99, 10.0, 29.99, 30.0])
    again = convolve(sampled, TIMES, 2.0, [GammaKernel(4.0)], edges=True)
    for suffix, values in found.items():
        np.testing.assert_allclose(again[suffix], values, atol=0.02 * values.max())
