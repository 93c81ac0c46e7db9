"""Which events, confounds and brain mask belong to an image."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from drmbids.bids.files.dataset import Dataset
from drmbids.bids.files.entities import NIFTI, PROCESSING, BIDSName, most_specific

# Suffixes that fMRIPrep has given to its confounds since 2017.
_CONFOUND_SUFFIXES = ("timeseries", "regressors", "confounds")
# Entities that say what a file shows rather than of which run.
_CONTENT = ("desc", "label")
# Entities that do not tell one run from another.
_NOT_OF_RUNS = (*PROCESSING, "hemi", "recording")
# Entities that must be the same for an image and its mask.
_GRID = ("space", "cohort", "res", "den")


class Companions:
    """Files that may belong to the images of one dataset.

    Events and masks follow the inheritance principle of BIDS: a file applies to the images in its
    folder and below that have all of its entities (``desc`` and ``label`` aside). One that is named
    exactly like another run, and lies beside it, is that run's and no other's. Confounds and
    recordings of heart and breath are of one run: they have all of its entities. Derived images
    carry more entities than raw events (``space``, ``res``), so the same rules lead from an
    fMRIPrep image to the events of the raw dataset.

    Parameters
    ----------
    dataset : Dataset
        The dataset that was asked for; it, and the raw dataset it points to, give the events.
    source : Dataset
        The dataset of the images; it gives confounds and masks.
    subjects : sequence of str
        Participants to look at.
    """

    def __init__(self, dataset: Dataset, source: Dataset, subjects: Sequence[str]):
        raw = dataset.raw_dataset() if dataset.is_derivative else None
        self._subjects = subjects
        self._with_events = [dataset] if raw is None else [dataset, raw]
        self._files = [_Files(d, subjects) for d in self._with_events]
        same = next((f for f in self._files if f.root == source.root), None)
        self._own = same or _Files(source, subjects)

    @property
    def searched(self) -> tuple[Path, ...]:
        """Folders of the datasets that events are looked for in."""
        return tuple(d.root for d in self._with_events)

    def events(self, image: BIDSName) -> Path | None:
        """Return the ``events.tsv`` of an image."""
        for files in self._files:
            applying = [
                f
                for f in self._applying(files, image)
                if (f.suffix, f.extension) == ("events", ".tsv")
            ]
            found = most_specific(applying, "events", image.path.name)
            if found is not None:
                return found.path
        return None

    def confounds(self, image: BIDSName) -> Path | None:
        """Return the confounds table of an image."""
        tables = [
            f
            for f in self._applying(self._own, image)
            if f.suffix in _CONFOUND_SUFFIXES
            and f.extension == ".tsv"
            and f.entities.get("desc", "confounds") == "confounds"
            and _run_of(f) == _run_of(image)
        ]
        found = most_specific(tables, "confounds", image.path.name)
        return None if found is None else found.path

    def recordings(self, image: BIDSName) -> tuple[Path, ...]:
        """Return the physiological recordings of an image, in the raw dataset."""
        found = (f for f in self._recorded(image, "physio") if _run_of(f) == _run_of(image))
        return tuple(name.path for name in found)

    def series(self, image: BIDSName) -> tuple[Path, ...]:
        """Return the sampled stimuli of an image, in the raw dataset."""
        return tuple(name.path for name in self._recorded(image, "stim"))

    def _recorded(self, image: BIDSName, suffix: str) -> list[BIDSName]:
        """Return recordings that apply to an image: one for each ``recording-``, in order."""
        applying = self._applying(self._files[-1], image, (*_CONTENT, "recording"))
        by_label = defaultdict(list)
        for file in applying:
            if (file.suffix, file.extension) == (suffix, ".tsv.gz"):
                by_label[file.entities.get("recording")].append(file)
        found = [most_specific(some, suffix, image.path.name) for some in by_label.values()]
        return sorted((f for f in found if f is not None), key=lambda name: name.path.name)

    def brain_mask(self, image: BIDSName) -> Path | None:
        """Return the brain mask on the grid of an image, None if there is not exactly one.

        The image's own dataset is asked first, then those in the folder ``derivatives``.
        """
        for some in ([self._own], self._derived):
            masks = [
                f
                for files in some
                for f in self._applying(files, image)
                if f.suffix == "mask"
                and f.extension in NIFTI
                and "brain" in (f.entities.get("desc"), f.entities.get("label"))
                and all(f.entities.get(e) == image.entities.get(e) for e in _GRID)
            ]
            if masks:
                return masks[0].path if len(masks) == 1 else None
        return None

    def _applying(
        self, files: "_Files", image: BIDSName, content: Sequence[str] = _CONTENT
    ) -> list[BIDSName]:
        """Return the files that apply to an image, those of other runs left out."""
        of_image, own = image.without(_CONTENT).items(), _run_of(image)
        folders = set(self._own.folder(image))
        folders |= {f"sub-{image.entities['subject']}"} if "subject" in image.entities else set()
        folders |= {f"ses-{image.entities['session']}"} if "session" in image.entities else set()
        others = [f.runs for f in (self._own, *self._files)]
        return [
            f
            for f in files.of(image.entities.get("subject"))
            if f.without(content).items() <= of_image
            and {part for part in files.folder(f) if part[:4] in ("sub-", "ses-")} <= folders
            and (_run_of(f) == own or not any(files.place(f) in runs for runs in others))
        ]

    @cached_property
    def _derived(self) -> "list[_Files]":
        return [_Files(d, self._subjects) for d in self._with_events[-1].derived()]


# The entities of a run, numbers without their leading zeros.
_RunKey = frozenset[tuple[str, str]]


class _Files:
    """The files of a dataset by participant, None for those that apply to all.

    An image is compared with the files of its own participant only, however many there are.
    """

    def __init__(self, dataset: Dataset, subjects: Sequence[str]):
        self.root = dataset.root
        by_subject: dict[str | None, list[BIDSName]] = defaultdict(list)
        for file in dataset.files(subjects):
            by_subject[file.entities.get("subject")].append(file)
        self._by_subject: Mapping[str | None, Sequence[BIDSName]] = dict(by_subject)

    def of(self, subject: str | None) -> list[BIDSName]:
        """Return the files of a participant, and those of all."""
        return [*self._by_subject.get(None, ()), *self._by_subject.get(subject, ())]

    def folder(self, file: BIDSName) -> tuple[str, ...]:
        """Return the folders below the root that a file is in."""
        return file.path.parent.relative_to(self.root).parts

    def place(self, file: BIDSName) -> tuple[tuple[str, ...], _RunKey]:
        """Return the folders that a file is in, and the run that it is named after."""
        return self.folder(file), _run_of(file)

    @cached_property
    def runs(self) -> set[tuple[tuple[str, ...], _RunKey]]:
        """Folder and name of each run that has an image."""
        every: Iterable[BIDSName] = (f for files in self._by_subject.values() for f in files)
        return {self.place(file) for file in every if file.file_format is not None}


def _run_of(file: BIDSName) -> _RunKey:
    """Return the entities that say of which run a file is."""
    return frozenset(file.without(_NOT_OF_RUNS).items())
