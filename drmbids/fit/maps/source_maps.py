"""Maps to sources in closed form: ridge given the activity, with the lead field as the prior.

Sensors measure ``y = G s + noise``, sources do ``s = M' x`` with the features ``x`` of units, and
before any data the maps ``M`` are Gaussian: each source component has a variance of its own. In the
eigenvectors of ``A R A'`` (``A`` the whitened gain, ``R`` the variances) the whitened sensors are
independent given the features, so that the best maps are ridge regressions, one for each
eigenvector, with penalties ``alpha e_1 / e_k`` (``e`` the eigenvalues): what a lead field shows
poorly is shrunk more. With features that span all there is in time the maps are those of
minimum-norm estimation (Hamalainen and Ilmoniemi 1994, Medical and Biological Engineering and
Computing 32:35-42); with few features, noise is averaged over time as well.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.maps.ridge import CONSTANT_TOLERANCE, RegionMaps, blocks
from drmbids.fit.maps.targets import Cleaner, Group, Series
from drmbids.maths.signals.lead_field import SourceModel

# Eigenvectors that the lead field shows less of than this share are nothing but rounding.
LEAST_SHOWN = 1e-10

#: Signal-to-noise ratio that is taken for granted of the mean over samples: MNE's for averages
#: (``lambda2 = 1 / 9``; Gramfort et al. 2014, NeuroImage 86:446-460).
SNR = 3.0


class SourceTargets:
    """Sensors of one region, whitened, with what of them is the same for all features.

    A sensor that is missing in all runs, such as a bad channel, is left out, and predicted by the
    lead field from what the others say of the sources; a sample at which another is missing is left
    out as a whole.

    Parameters
    ----------
    series : sequence of Series
        One for each run.
    model : SourceModel

    Attributes
    ----------
    values : list of Tensor of shape (n_there, n_shown)
        Whitened sensors in the eigenvectors, nuisance and confounds taken out.
    shown : Tensor of shape (n_shown,)
        Eigenvalues.
    back : Tensor of shape (n_columns, n_shown)
        From eigenvectors to sources.
    """

    def __init__(self, series: Sequence[Series], model: SourceModel):
        if any(s.weight is not None for s in series):
            raise UsageError(
                "maps to sources take no weights of elements: sensors are weighted by the noise "
                "covariance; take the weights off the responses"
            )
        self.model = model
        measured = [~s.target.isnan() for s in series]
        self.present = torch.stack([m.any(0) for m in measured]).any(0)
        if not bool(self.present.any()):
            raise DataError("no sensor was measured in any training run")
        self.rows = [m[:, self.present].all(1) for m in measured]
        if not any(bool(rows.any()) for rows in self.rows):
            raise DataError("at every sample some sensor is missing; leave out the worst sensors")
        self.series = series
        columns = torch.nonzero(self.present)[:, 0]
        self.cleaner = Cleaner(series, Group(self.rows, columns, None))
        self.raw = [self._of(k, s.target).double() for k, s in enumerate(series)]
        self.raw = [self.raw[k] for k in self.cleaner.there]
        whiten, gain = model.whitened(self.present)
        white = self.cleaner.clean([y @ whiten.mT for y in self.raw])
        self.n_free = sum(len(y) for y in white) - sum(self.cleaner.lost)
        covariance = sum((y.mT @ y for y in white), gain.new_zeros(len(gain), len(gain)))
        spread = model.variances(gain, covariance / self.n_free)
        shown, vectors = torch.linalg.eigh((gain * spread) @ gain.mT)
        keep = shown > LEAST_SHOWN * shown[-1]
        self.shown, vectors = shown[keep], vectors[:, keep]
        self.back = spread[:, None] * (gain.mT @ vectors) / self.shown
        self._rotate = whiten.mT @ vectors
        self.values = [y @ vectors for y in white]
        # what no source can explain stays in the loss, so that 1 means that nothing is explained
        self.outside = [
            y.square().sum(1) - z.square().sum(1) for y, z in zip(white, self.values, strict=True)
        ]
        # of all that was measured, so that the loss counts like that of validation runs
        n_elements = sum(int(m.sum()) for m in measured)
        self.unit = n_elements / sum(float(y.square().sum()) for y in white)

    def sources_of(self, sensors: Tensor) -> Tensor:
        """Return the minimum-norm estimate of the sources of a map over the measured sensors.

        Parameters
        ----------
        sensors : Tensor of shape (n_present,)

        Returns
        -------
        Tensor of shape (n_columns,)
        """
        kept = self.shown / (self.shown + self.shown.mean() / SNR**2)
        return self.back @ (kept * (sensors @ self._rotate))

    def _of(self, run: int, values: Tensor) -> Tensor:
        return values[self.rows[run]][:, self.present]


@torch.no_grad()
def solve_sources(features: Sequence[Tensor], targets: SourceTargets, alphas: Tensor) -> RegionMaps:
    """Solve the maps of one region to its sources.

    Parameters
    ----------
    features : sequence of Tensor of shape (n_measured, n_features)
        One for each run.
    targets : SourceTargets
    alphas : Tensor of shape (n_alphas,)
        Penalties of what the lead field shows best, for standardised features; the one that
        predicts left-out runs, or blocks of the only run, best serves all. A single one is used as
        it is.

    Returns
    -------
    RegionMaps
        With ``weights`` of shape (n_features, n_columns), to the components of sources.
    """
    x = [f.detach().double() for f in features]
    cleaner = targets.cleaner
    raw = [x[k][targets.rows[k]] for k in cleaner.there]
    clean = cleaner.clean(raw)
    n_rows = sum(len(a) for a in clean)
    spread = (sum(a.square().sum(0) for a in clean) / n_rows).sqrt()
    size = (sum(a.square().sum(0) for a in raw) / n_rows).sqrt()
    least = torch.maximum(1e-8 * spread.max(), CONSTANT_TOLERANCE * size)
    spread = torch.where(spread > least, spread, torch.inf)
    clean = [a / spread for a in clean]

    relative = targets.shown[-1] / targets.shown
    runs = list(zip(clean, targets.values, cleaner.lost, strict=True))
    alpha = _choose(runs if len(runs) > 1 else blocks(*runs[0]), alphas, relative)
    u = _solve(clean, targets.values, alpha * relative * targets.n_free)

    strength = alpha * relative * (targets.n_free / n_rows)
    penalty = targets.unit * (u.square() @ strength)
    errors = [a.new_zeros(len(a)) for a in x]
    slopes = [torch.zeros_like(a) for a in x]
    for k, a, z, outside in zip(cleaner.there, clean, targets.values, targets.outside, strict=True):
        rest, rows = z - a @ u, targets.rows[k]
        errors[k][rows] = targets.unit * (rest.square().sum(1) + outside) + a.square() @ penalty
        slopes[k][rows] = (2 * penalty * a - 2 * targets.unit * (rest @ u.mT)) / spread
    weights = (u @ targets.back.mT) / spread[:, None]
    bias, confound_weights = _offsets(raw, weights, targets)
    chosen = alpha.expand(len(bias))
    which = torch.zeros_like(bias, dtype=torch.long)
    return RegionMaps(weights, bias, confound_weights, chosen, which, errors, slopes)


def _offsets(raw: list[Tensor], weights: Tensor, targets: SourceTargets) -> tuple[Tensor, Tensor]:
    """Return bias and confound weights of all sensors.

    A sensor that was never measured has the mean that the sources of the others' means give it.
    """
    cleaner, present = targets.cleaner, targets.present
    to_sensors = weights @ targets.model.gain[present].mT
    shared = cleaner.shared.weights(targets.raw) - cleaner.shared.weights(raw) @ to_sensors
    means = [y.mean(0) - a.mean(0) @ to_sensors for y, a in zip(targets.raw, raw, strict=True)]
    if cleaner.shared.rank:
        pairs = zip(means, cleaner.confounds, strict=True)
        means = [mean - c.mean(0) @ shared for mean, c in pairs]
    bias = weights.new_zeros(len(present))
    bias[present] = torch.stack(means).mean(0)
    if not bool(present.all()):
        level = torch.stack([y.mean(0) for y in targets.raw]).mean(0)
        features = torch.stack([a.mean(0) for a in raw]).mean(0)
        gain = targets.model.gain[~present]
        bias[~present] = (targets.sources_of(level) - features @ weights) @ gain.mT
    confound_weights = weights.new_zeros(len(shared), len(present))
    confound_weights[:, present] = shared
    return bias, confound_weights


def _solve(x: Sequence[Tensor], z: Sequence[Tensor], penalties: Tensor) -> Tensor:
    """Return ridge weights, a penalty for each column of the targets."""
    values, vectors = torch.linalg.eigh(sum(a.mT @ a for a in x))
    rotated = vectors.mT @ sum(a.mT @ b for a, b in zip(x, z, strict=True))
    return vectors @ (rotated / (values.clamp(min=0.0)[:, None] + penalties))


def _choose(
    runs: Sequence[tuple[Tensor, Tensor, float]], alphas: Tensor, relative: Tensor
) -> Tensor:
    """Return the penalty with which left-out runs are predicted best."""
    if len(alphas) == 1 or len(runs) < 2:
        return alphas[0]
    errors = torch.zeros_like(alphas)
    for out, (x, z, _) in enumerate(runs):
        others = [run for k, run in enumerate(runs) if k != out]
        n_free = sum(len(a) - lost for a, _, lost in others)
        values, vectors = torch.linalg.eigh(sum(a.mT @ a for a, _, _ in others))
        rotated = vectors.mT @ sum(a.mT @ b for a, b, _ in others)
        seen, values = x @ vectors, values.clamp(min=0.0)[:, None]
        for k, alpha in enumerate(alphas):
            errors[k] += (
                (z - seen @ (rotated / (values + alpha * relative * n_free))).square().sum()
            )
    return alphas[errors.argmin()]
