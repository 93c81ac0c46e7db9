"""Spectra between few nodes, against spectra at each frequency."""

import numpy as np
import pytest
import torch

from drmbids.fit.rest.band_nodes import interpolation, n_nodes, node_frequencies


@pytest.mark.parametrize("slowest", [-20.0, -2.0, -0.5])
def test_spectra_between_the_nodes_are_those_of_numpy(slowest: float) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((4, 4))
    matrix = vectors @ np.diag([slowest, -4.0, -9.0, -15.0]) @ np.linalg.inv(vectors)
    matrix[:2, :2] += [[0.0, 3.0], [-3.0, 0.0]]  # some modes turn
    modes = torch.from_numpy(np.linalg.eigvals(matrix))

    def spectra(frequencies: np.ndarray) -> np.ndarray:
        response = np.linalg.inv(2j * np.pi * frequencies[:, None, None] * np.eye(4) - matrix)
        return response @ response.conj().swapaxes(1, 2)

    n = int(n_nodes(modes, 0.16))
    at = torch.linspace(0.0, 0.16, 33, dtype=torch.float64)
    known = spectra(node_frequencies(n, 0.16).numpy())
    even, odd = (m.numpy() for m in interpolation(n, 0.16, at))
    found = np.einsum("fk,kij->fij", even, known.real)
    found = found + 1j * np.einsum("fk,kij->fij", odd, known.imag)
    wanted = spectra(at.numpy())
    assert np.abs(found - wanted).max() < 1e-9 * np.abs(wanted).max()


def test_fast_modes_take_few_nodes_and_growing_ones_are_not_known() -> None:
    assert n_nodes(torch.tensor([-10.0 + 0j, -8.0 + 2j]), 0.16) < 8
    assert n_nodes(torch.tensor([-10.0 + 0j, 0.1 + 0j]), 0.16) == float("inf")
