"""Units of work on disk: each fit of a model to the runs of a fold is done once.

A unit is a folder, named after model and fold and a hash of all that its numbers depend on: the
estimator with its settings, seed and model file, the data of its runs as they were loaded, and the
versions of the programs. What is finished is read, not fitted again; with other data or settings
the hash is another, and a new unit begins.
"""

import builtins
import json
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from drmbids import __version__
from drmbids.data.runs.run import Run
from drmbids.data.storage.bundle import load_bundle, pack_arrays, save_bundle, unpack_arrays
from drmbids.data.storage.fingerprint import fingerprint
from drmbids.data.tools import exceptions
from drmbids.data.tools.exceptions import DataError, DRMWarning
from drmbids.data.tools.warned import recorded_warnings
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.storage import fitted_state, restore_fit
from drmbids.fit.estimators.together import fit_together
from drmbids.fit.training.checkpoint import EVERY_S, Checkpoint

#: Programs whose version can change a number of a fit.
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "nilearn")

# Raise it when what a unit holds, or how it is computed, changes without another version number.
_UNITS_VERSION = 4
_ARRAYS, _FACTS = "arrays.safetensors", "facts.json"


@dataclass(frozen=True)
class Unit:
    """A place for one fit.

    Parameters
    ----------
    folder : Path
    key : str
        Hash of all that the fit depends on.
    """

    folder: Path
    key: str

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return the arrays and facts of the finished unit; None where it is not there or refused.

        Warns
        -----
        DRMWarning
            Of a unit that is refused, and why.
        """
        if not self.folder.is_dir():
            return None
        try:
            files, _ = load_bundle(self.folder, {"key": self.key})
            return unpack_arrays(files[_ARRAYS]), json.loads(files[_FACTS])
        except (DataError, KeyError, ValueError) as error:
            self.refuse(error)
            return None

    def refuse(self, why: Exception) -> None:
        """Say that the unit is not used."""
        text = f"unit of work refused: {why}; it is computed again"
        warnings.warn(text, DRMWarning, stacklevel=3)

    def save(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """Write the finished unit.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        files = {_ARRAYS: pack_arrays(arrays), _FACTS: json.dumps(facts).encode()}
        save_bundle(self.folder, files, {"key": self.key})


@dataclass(eq=False)
class Units:
    """The units of work of one participant.

    Parameters
    ----------
    folder : Path
        Where they are kept; made where missing.
    every : float
        Seconds between checkpoints of a fit that is not finished.

    Examples
    --------
    >>> import tempfile
    >>> from drmbids import Events, GLMBaseline, Run, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> runs, models = [run(k) for k in range(3)], {"glm": GLMBaseline()}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = compare_models(models, runs, units=Units(Path(folder)))
    ...     again = compare_models(models, runs, units=Units(Path(folder)))  # nothing is fitted
    ...     sorted(path.name[:10] for path in Path(folder).iterdir())
    ['glm_run-0_', 'glm_run-1_', 'glm_run-2_']
    >>> first.table.equals(again.table)
    True
    """

    folder: Path
    every: float = EVERY_S
    _hashes: dict[int, tuple[Run, str]] = field(default_factory=dict, repr=False)

    def unit(
        self,
        model: str,
        fold: str,
        estimator: Any,
        train: Sequence[Run],
        test: Sequence[Run] = (),
        settings: Any = None,
    ) -> Unit:
        """Return the place of one fit.

        Parameters
        ----------
        model, fold : str
            Names for people.
        estimator : estimator
            Unfitted.
        train, test : sequence of Run
        settings
            What else the numbers depend on, as
            :func:`~drmbids.data.storage.fingerprint.fingerprint` takes it.

        Raises
        ------
        UsageError
            If an estimator or its settings cannot be told apart from others.
        """
        programs = {name: version(name) for name in PACKAGES}
        key = fingerprint(
            _UNITS_VERSION,
            __version__,
            programs,
            model,
            estimator,
            [self._hash(run) for run in train],
            [self._hash(run) for run in test],
            settings,
        )
        plain = [re.sub(r"[^0-9A-Za-z+-]+", "-", name)[:80] for name in (model, fold)]
        return Unit(self.folder / "_".join([*plain, key[:16]]), key)

    def _hash(self, run: Run) -> str:
        """Return the hash of a run, worked out once."""
        if id(run) not in self._hashes:
            self._hashes[id(run)] = run, fingerprint(run)
        return self._hashes[id(run)][1]

    @contextmanager
    def training(self, units: Sequence[Unit]) -> Iterator[Checkpoint]:
        """Keep the fits of units that are trained together on the way.

        Parameters
        ----------
        units : sequence of Unit

        Yields
        ------
        Checkpoint
            Removed when the context ends well, in which the units are saved.
        """
        key = fingerprint([unit.key for unit in units])
        folder = self.folder / f"training_{key[:16]}"
        yield Checkpoint(folder, key, self.every)
        shutil.rmtree(folder, ignore_errors=True)


def fit_all_runs(
    units: Units | None, model: str, estimator: DRMRegressor, runs: Sequence[Run]
) -> None:
    """Fit an estimator to all runs, or take up what an earlier call found.

    Parameters
    ----------
    units : Units or None
    model : str
        Its name.
    estimator : DRMRegressor
        Fitted in place.
    runs : sequence of Run
    """
    if units is None:
        estimator.fit(runs)
        return
    unit = units.unit(model, "all", estimator, runs)
    found = unit.load()
    if found is not None:
        weights, facts = found
        try:
            with recorded_warnings():  # told by the first fit, and below
                restore_fit(estimator, runs, weights, facts["history"])
            repeat_warnings(warnings_of(facts))
            return
        except (DataError, KeyError, TypeError) as error:
            unit.refuse(error)
    with units.training([unit]) as checkpoint, recorded_warnings() as messages:
        fit_together([estimator], [runs], [f"model {model!r}"], checkpoint)
        state = fitted_state(estimator.net_, estimator.stack_)
        weights = {name: value.numpy() for name, value in state.items()}
        facts = {"history": estimator.history_, "warnings": saved_warnings(messages)}
        unit.save(weights, facts)
    repeat_warnings(messages)


def repeat_warnings(messages: Iterable[Warning]) -> None:
    """Give warnings that were recorded.

    Parameters
    ----------
    messages : iterable of Warning
    """
    for message in messages:
        warnings.warn(message, stacklevel=3)


def saved_warnings(messages: Iterable[Warning]) -> list[tuple[str, str]]:
    """Return warnings as a unit holds them.

    Parameters
    ----------
    messages : iterable of Warning
    """
    return [(type(message).__name__, str(message)) for message in messages]


def warnings_of(facts: Mapping[str, Any]) -> list[Warning]:
    """Return the warnings that a unit holds, each of its own class as far as it is known.

    Parameters
    ----------
    facts : mapping
        From :meth:`Unit.load`.
    """
    return [_message(kind, text) for kind, text in facts["warnings"]]


def _message(kind: str, text: str) -> Warning:
    category = getattr(exceptions, kind, None) or getattr(builtins, kind, None)
    known = isinstance(category, type) and issubclass(category, Warning)
    return category(text) if known else DRMWarning(text)
