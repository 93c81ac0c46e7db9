"""Ensemble: the mean prediction of models that start from different weights."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.storage.files import sha256, write_json
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.fitted import predict_each
from drmbids.fit.estimators.given_net import NetSource
from drmbids.fit.estimators.storage import FORMAT_VERSION, MANIFEST
from drmbids.fit.estimators.together import fit_together

#: Name of the list of members of a saved ensemble.
ENSEMBLE = "ensemble.json"


class Ensemble(RunEstimator):
    """The mean prediction of models that differ in nothing but their seed.

    Training ends in another minimum from each start. What predictions of several have in common is
    closer to what is measured than any of them (Hansen and Salamon 1990, IEEE Transactions on
    Pattern Analysis and Machine Intelligence 12:993-1001). Members are trained side by side.

    Parameters
    ----------
    estimator : DRMRegressor
        Its seed does not matter.
    n_members : int
        Models to train.
    random_state : int
        Seed of the first member; the others follow it.

    Attributes
    ----------
    estimators_ : list of DRMRegressor
        The fitted members.
    regions_ : dict of str to int
        Targets of each region.

    Raises
    ------
    UsageError
        From :meth:`fit`, if there is no member.

    Examples
    --------
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(40, 5)), 2.0 * np.arange(40))
    >>> run = Run({"V1": bold}, {"events": Events([4.0], [10.0], ["face"])}, tr=2.0)
    >>> model = Ensemble(DRMRegressor(n_epochs=2), n_members=2).fit([run])
    >>> [member.random_state for member in model.estimators_], model.predict([run])[0].shape
    ([0, 1], (40, 5))
    """

    def __init__(self, estimator: DRMRegressor, n_members: int = 5, random_state: int = 0):
        self.estimator = estimator
        self.n_members = n_members
        self.random_state = random_state

    def _nuisances_of_fit(self) -> Sequence[Nuisance]:
        return []  # each member says which runs it can be fitted to

    def _fit_runs(self, runs: Sequence[Run]) -> None:
        if self.n_members < 1:
            raise UsageError(f"an ensemble needs a member, got n_members={self.n_members}")
        seeds = range(self.random_state, self.random_state + self.n_members)
        self.estimators_ = [clone(self.estimator).set_params(random_state=seed) for seed in seeds]
        fit_together(self.estimators_, [runs] * self.n_members, [f"seed {k}" for k in seeds])
        self.regions_ = self.estimators_[0].regions_

    def _predict_run(self, run: Run) -> Any:
        found = [predict_each(member, [run])[0] for member in self.estimators_]
        mean = {name: np.mean([part[name] for part in found], axis=0) for name in found[0]}
        return mean.get(ONLY, mean)

    def save(self, folder: str | Path) -> None:
        """Write each member as :meth:`drmbids.DRMRegressor.save` does, and a list of them.

        Parameters
        ----------
        folder : str or Path
            Gets ``member-0``, ``member-1`` ... and ``ensemble.json``, which comes last, so that a
            folder with one is complete.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        check_is_fitted(self)
        members = []
        for k, member in enumerate(self.estimators_):
            name = f"member-{k}"
            member.save(Path(folder) / name)
            members.append({"folder": name, "sha256": sha256(Path(folder) / name / MANIFEST)})
        content = {
            "format_version": FORMAT_VERSION,
            "random_state": self.random_state,
            "members": members,
        }
        write_json(Path(folder) / ENSEMBLE, content)

    @classmethod
    def load(
        cls, path: str | Path, device: str = "cpu", model: NetSource | None = None
    ) -> "Ensemble":
        """Return an ensemble that :meth:`save` wrote, ready to predict.

        Parameters
        ----------
        path : str or Path
            The folder.
        device : str
            Where to compute.
        model : DRMNet or callable, optional
            What the members had in place of a model file, as for
            :meth:`drmbids.DRMRegressor.load`.

        Raises
        ------
        DataError
            If a file is missing, was changed since, or the folder holds no ensemble.
        """
        file = Path(path) / ENSEMBLE
        try:
            content = json.loads(file.read_text("utf-8"))
        except FileNotFoundError as error:
            raise DataError(f"{file}: no such file; {path} holds no saved ensemble") from error
        except ValueError as error:
            raise DataError(f"{file}: not a JSON file ({error})") from error
        if content.get("format_version") != FORMAT_VERSION:
            found = content.get("format_version")
            raise DataError(
                f"{file}: format version {found!r}, this drmbids reads {FORMAT_VERSION}"
            )
        for member in content["members"]:
            manifest = Path(path) / member["folder"] / MANIFEST
            if not manifest.is_file() or sha256(manifest) != member["sha256"]:
                raise DataError(f"{manifest}: missing, or not what was saved; save the model again")
        members = [
            DRMRegressor.load(Path(path) / member["folder"], device, model)
            for member in content["members"]
        ]
        # a copy that is fitted anew starts from the same model and seeds
        self = cls(clone(members[0]), len(members), content["random_state"])
        self.estimators_, self.regions_ = members, members[0].regions_
        self.targets_ = members[0].targets_
        return self

    def _find_regions(self, runs: Sequence[Run]) -> dict[str, int]:
        return self.estimator._find_regions(runs)

    @property
    def _nuisances(self) -> Mapping[str, Nuisance]:
        return self.estimators_[0]._nuisances

    @property
    def readouts_(self) -> dict[str, dict[str, int]]:
        """As those of its members."""
        return self.estimators_[0].readouts_
