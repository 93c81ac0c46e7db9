"""How well data can tell the parameters of a resting-state model."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from drmbids.fit.rest.model import RestModel
from drmbids.fit.rest.search import physical
from drmbids.fit.rest.spectra import BandSpectra
from drmbids.fit.rest.whittle import information, normalised


def parameters_table(model: RestModel, spectra: BandSpectra) -> pd.DataFrame:
    """Return trained physical parameters, beside the least error that data allow.

    Parameters
    ----------
    model : RestModel
    spectra : BandSpectra
        What it was fitted to.

    Returns
    -------
    DataFrame
        Columns ``parameter, index, value, unit, least_error, meaning``.
    """
    errors = least_errors(model, spectra.frequencies, spectra.segment, spectra.n_samples)
    rows = []
    for where, name, label, node in physical(model):
        spec = node.parameter_specs[name]
        values = node.value(name).detach().reshape(-1).tolist()
        for k, (value, error) in enumerate(zip(values, errors[where, name], strict=True)):
            rows.append((label, k, value, spec.unit, error.item(), spec.meaning))
    columns = ["parameter", "index", "value", "unit", "least_error", "meaning"]
    return pd.DataFrame(rows, columns=columns)


def least_errors(
    model: RestModel, frequencies: Tensor, segment: float, n_samples: float
) -> dict[tuple[str, str], Tensor]:
    """Return the least standard errors that any unbiased estimate from the data can have.

    The Cramer-Rao bound of the likelihood of cross-spectra, at the parameters as they are, for
    physical parameters; matrices of weights are held.

    Parameters
    ----------
    model : RestModel
    frequencies, segment
        As for :meth:`~drmbids.fit.rest.model.RestModel.expected`.
    n_samples : float
        Independent samples of each frequency.

    Returns
    -------
    dict of (node, parameter) to Tensor
        Shaped like the parameters; infinite where the data say nothing.
    """
    slopes, places = [], []
    with torch.no_grad():
        middle = model.expected(frequencies, segment)
        for where, name, _, node in physical(model):
            free = getattr(node, f"free_{name}")
            flat = free.data.view(-1)
            for k in range(flat.numel()):
                value, at = node.value(name).reshape(-1)[k].item(), flat[k].item()
                step = 1e-4 * max(abs(at), 0.1)
                ends = []
                for sign in (1, -1):
                    flat[k] = at + sign * step
                    ends.append(
                        (
                            node.value(name).reshape(-1)[k].item(),
                            model.expected(frequencies, segment),
                        )
                    )
                flat[k] = at
                (up, above), (down, below) = ends
                slopes.append((above - below) / (up - down))
                places.append((where, name, k, value))
        # in units of the values, so that the matrix can be inverted
        size = torch.tensor([max(abs(p[3]), 1e-6) for p in places], dtype=frequencies.dtype)
        found = information(middle, slopes, n_samples) * size[:, None] * size
        values, vectors = torch.linalg.eigh(found)
        told = values > 1e-12 * values.max()
        shares = vectors[:, told].square() / values[told]
        error = shares.sum(1).sqrt() * size
        hidden = vectors[:, ~told].square().sum(1) > 1e-6
        error[hidden] = torch.inf
    out: dict[tuple[str, str], Tensor] = {}
    for (where, name, _, _), e in zip(places, error, strict=True):
        kept = out.get((where, name))
        out[where, name] = e.reshape(1) if kept is None else torch.cat((kept, e.reshape(1)))
    return out


def band_powers(
    model: RestModel, spectra: BandSpectra
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequencies, and measured and fitted shares of the power in the band.

    Parameters
    ----------
    model : RestModel
    spectra : BandSpectra
        What it was fitted to.
    """
    with torch.no_grad():
        fitted = model.expected(spectra.frequencies, spectra.segment)
    measured, ours = (
        x.diagonal(dim1=-2, dim2=-1).real.numpy() for x in (normalised(spectra.values), fitted)
    )
    return spectra.frequencies.numpy(), measured, ours
