"""Confounds whose weights all runs share."""

import torch
from torch import Tensor

from drmbids.maths.estimation.ridge import RANK_TOLERANCE, residualise


class SharedConfounds:
    """Confounds whose weights all runs share, the nuisance of each run taken out.

    What is left of a confound that the nuisance explains is rounding: it gets no weight.

    Parameters
    ----------
    parts : list of Tensor of shape (n_there, n_confounds)
        One for each run.
    size : Tensor of shape (n_confounds,)
        Norm of the confounds with the nuisance in them.
    """

    def __init__(self, parts: list[Tensor], size: Tensor):
        self.lengths, whole = [len(part) for part in parts], torch.cat(parts)
        norms = whole.norm(dim=0)
        scale = torch.where(norms > RANK_TOLERANCE * size, 1 / norms, 0.0)
        u, s, vh = torch.linalg.svd(whole * scale, full_matrices=False)
        used = s > RANK_TOLERANCE
        self.basis, self.rank = u[:, used], int(used.sum())
        self._to_weights = scale[:, None] * (vh[used].mT / s[used])

    def clean(self, values: list[Tensor]) -> list[Tensor]:
        """Return values of all runs with the confounds taken out."""
        if not self.rank:
            return values
        return list(residualise(self.basis, torch.cat(values)).split(self.lengths))

    def weights(self, values: list[Tensor]) -> Tensor:
        """Return the weights of the confounds that fit the values by least squares."""
        parts = zip(self.basis.split(self.lengths), values, strict=True)
        products = (basis.mT @ part for basis, part in parts)
        return self._to_weights @ sum(products, values[0].new_zeros(self.rank, values[0].shape[1]))
