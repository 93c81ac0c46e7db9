"""What one call of drmbids is asked to do: typed, checked, and written down before work starts."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from drmbids.app.analysis.choices import (
    Baseline,
    BaselineHRF,
    HeldOut,
    Intervals,
    Level,
    OutputLayout,
)
from drmbids.bids.derivatives import RAW
from drmbids.bids.files.problems import check_codes
from drmbids.data.physiology import Physio
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.formats import Colour, FileFormat, MoreStimuli

#: Models that are compared: the name in files and tables.
BASELINE, FREE_HRF, MEAN, DRM = "glm", "freehrf", "mean", "drm"

_Label = Annotated[str, Field(pattern=r"^([0-9A-Za-z+]+|\*|Query\.(ANY|NONE))$")]
_Pixels = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Config:
    """Everything that decides the result of a BIDS-App call.

    Parameters
    ----------
    bids_dir : Path
        The input dataset.
    out_dir : Path
        The derivative dataset to write.
    level : {"participant", "group"}
        Level of the analysis.
    participant_label, session_label, task_id, run_id, acquisition, reconstruction, direction, \
echo : tuple of str
        Labels to use, without ``sub-``, ``ses-`` ...; all when empty, though several of any but
        participants and runs have to be chosen, or asked for by ``"*"``.
    space, res, den, hemi, desc : str or None
        Entities of the preprocessed images to use.
    file_format : {"nifti", "gifti", "dtseries", "ptseries"} or None
        Kind of files to use, where there are several.
    filters : mapping of str
        Further filters for the images by long entity name.
    derivatives : mapping of str to Path
        Datasets with preprocessed images, masks or confounds, by name.
    mask : mapping of str to Path
        Masks by the name of their region.
    atlas : str or None
        File of labels, each a region, or the name of an atlas among the datasets; with neither
        masks nor atlas the brain masks found beside the data are one region.
    atlas_threshold : float
        Lowest probability by which a voxel belongs to a region of a probabilistic atlas.
    confounds : tuple of str
        Columns or wildcards of the confounds files, or one of nilearn's strategies for fMRIPrep's.
    physio : tuple of {"retroicor", "hr", "rv"}
        Confounds from recordings of heart and breath; see :func:`drmbids.load_runs`.
    stimuli : tuple of {"stim", "stim_file"}
        Stimuli beside the events; those that a model file names are read anyway.
    modulators : tuple of str
        Columns of numbers in the events files, see :class:`drmbids.bids.reading.stimuli.Stimuli`;
        those that a model file names are read anyway.
    image_size : tuple of int
        Height and width that pictures are resampled to, or one number for both; as they are when
        empty.
    colour : {"gray", "rgb"}
        What is kept of the colours of pictures.
    allow_gaps : bool
        Leave out voxels without a finite value in some volumes, rather than stop.
    tr : float or None
        Repetition time in seconds where sidecars lack it.
    smoothing_fwhm : float or None
        Width of the Gaussian that images are smoothed with, in mm; none when 0 or absent.
    model : tuple of Path
        Model files, compared with each other and the baseline; one population for each region when
        empty.
    n_epochs : int or None
        Passes over the training runs; that of the model file when absent.
    cv : {"auto", "run", "session", "blocks", "stimulus", "none"}
        What is left out in each fold: with ``"auto"`` runs where there are two or more, else
        blocks. With ``"blocks"`` contiguous blocks in time (:class:`drmbids.BlockFolds`), for which
        one run is enough; with ``"stimulus"`` trial types, in all runs, as
        :class:`drmbids.StimulusFolds` does it, without a test against chance; with ``"none"``
        nothing: all scores are then in sample, and are called so.
    n_blocks : int
        Blocks that each run is cut into where blocks are left out.
    guard : float
        Seconds on each side of a left-out block that are neither trained on nor scored.
    baselines : tuple of {"glm", "ar1", "freehrf", "hrflibrary", "ridge", "mean"}
        What is compared beside the models and the GLM, which is always there: the GLM for
        autocorrelated noise, linear models with free hemodynamic responses, with the best of a
        library, with delayed stimuli, and the mean of the other runs.
    baseline_hrf : {"glover", "spm"}, each also with "+ derivative" and "+ dispersion"
        HRF of the linear model that the DRM is compared with.
    n_permutations : int
        Permutations of the test of each voxel against chance, predictions moved against the
        measured series (:func:`drmbids.permutation_test`); none when 0.
    variance_parts : mapping of str to tuple of str, or None
        Spaces that the explained variance of the linear model is divided between, each with its
        trial types (``stimulus:column`` for other stimuli); each trial type is a space when empty.
        What model files explain beyond one another is given as well, where one holds all that the
        others have. None for no partition.
    intervals : {"none", "laplace", "bootstrap", "jackknife"}
        Intervals of the physical parameters of each model fitted on all runs
        (:func:`drmbids.parameter_intervals`); refits take as long as so many fits.
    device : str
        Where the DRM is trained: ``"cpu"``, ``"cuda"``.
    random_seed : int or None
        Seed of initial weights; that of the model file when absent.
    n_threads : int
        Threads of torch in each process. Small models are slower on more than one.
    n_cpus : int or None
        Processors to use: ``n_cpus // n_threads`` processes share participants, or the folds where
        there are fewer participants; what :func:`joblib.parallel_config` says, else one process,
        when absent.
    mem_mb : int or None
        Memory in MB that all processes together may take; there are fewer of them where it is
        little. No limit when absent.
    n_models_at_once : int
        Fits trained side by side; see :func:`drmbids.compare_models`.
    work_dir : Path or None
        Where fits are kept, finished and on the way, so that the same call goes on where it was
        stopped; a hidden folder in ``out_dir`` when absent, from which those of a participant are
        removed when it is complete.
    clean_workdir : bool
        Remove the fits of a participant from ``work_dir`` too when it is complete.
    checkpoint_minutes : float
        Minutes of a fit that are lost at most when its process is killed without notice.
    output_layout : {"bids", "multiverse"}
        How configurations share ``out_dir``: it holds one, or each has a derivative dataset of its
        own, ``hash-<hash>``, in it.
    overwrite : bool
        Replace results in ``out_dir`` that were made with other settings; an error otherwise.
    reports_only : bool
        Write the reports of earlier results again, nothing else.
    boilerplate_only : bool
        Write the methods text of earlier results again, nothing else.
    ignore : tuple of str
        Codes of warnings that are not wanted, see :data:`drmbids.bids.files.problems.CODES`.
    stop_on_first_crash : bool
        Do not go on to the next participant after one failed.
    skip_bids_validation : bool
        Accepted for the convention of BIDS-Apps; the dataset is never validated as a whole.
    debug : bool
        Show tracebacks.
    verbosity : int
        -1 for errors and warnings only, 0, 1 or more for details.

    Examples
    --------
    >>> Config(Path("ds"), Path("ds/derivatives/drmbids"), "participant").cv
    'auto'
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    bids_dir: Path
    out_dir: Path
    level: Level
    participant_label: tuple[_Label, ...] = ()
    session_label: tuple[_Label, ...] = ()
    task_id: tuple[_Label, ...] = ()
    run_id: tuple[_Label, ...] = ()
    acquisition: tuple[_Label, ...] = ()
    reconstruction: tuple[_Label, ...] = ()
    direction: tuple[_Label, ...] = ()
    echo: tuple[_Label, ...] = ()
    space: str | None = None
    res: str | None = None
    den: str | None = None
    hemi: str | None = None
    desc: str | None = None
    file_format: FileFormat | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    derivatives: Mapping[str, Path] = field(default_factory=dict)
    mask: Mapping[str, Path] = field(default_factory=dict)
    atlas: str | None = None
    atlas_threshold: Annotated[float, Field(ge=0, lt=1)] = 0.25
    confounds: tuple[str, ...] = ()
    physio: tuple[Physio, ...] = ()
    stimuli: tuple[MoreStimuli, ...] = ()
    modulators: tuple[str, ...] = ()
    image_size: Annotated[tuple[_Pixels, ...], Field(max_length=2)] = ()
    colour: Colour = "rgb"
    allow_gaps: bool = False
    tr: Annotated[float, Field(gt=0)] | None = None
    smoothing_fwhm: Annotated[float, Field(ge=0)] | None = None
    model: tuple[Path, ...] = ()
    n_epochs: Annotated[int, Field(ge=1)] | None = None
    cv: HeldOut = "auto"
    n_blocks: Annotated[int, Field(ge=2)] = 4
    guard: Annotated[float, Field(ge=0)] = 32.0
    baselines: tuple[Baseline, ...] = (FREE_HRF, MEAN)
    baseline_hrf: BaselineHRF = "glover"
    n_permutations: Annotated[int, Field(ge=0)] = 1000
    variance_parts: Mapping[str, tuple[str, ...]] | None = None
    intervals: Intervals = "none"
    device: str = "cpu"
    random_seed: Annotated[int, Field(ge=0)] | None = None
    n_threads: Annotated[int, Field(ge=1)] = 1
    n_models_at_once: Annotated[int, Field(ge=1)] = 1
    n_cpus: Annotated[int, Field(ge=1)] | None = None
    mem_mb: Annotated[int, Field(ge=1)] | None = None
    work_dir: Path | None = None
    clean_workdir: bool = False
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0
    output_layout: OutputLayout = "bids"
    overwrite: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    ignore: tuple[str, ...] = ()
    stop_on_first_crash: bool = False
    skip_bids_validation: bool = False
    debug: bool = False
    verbosity: int = 0

    def __post_init__(self) -> None:
        if self.mask and self.atlas is not None:
            raise UsageError("--mask and --atlas both define the regions; give one of them")
        if self.reports_only and self.boilerplate_only:
            raise UsageError("--reports-only and --boilerplate-only exclude each other")
        check_codes(self.ignore)
        wrong = [name for name in self.derivatives if name == RAW or not name.isalnum()]
        if wrong:
            raise UsageError(
                f"--derivatives: {wrong[0]!r} cannot name a dataset in BIDS URIs; "
                f"use letters and digits, not {RAW!r}: name=path"
            )

    def with_absolute_paths(self) -> "Config":
        """Return the same configuration for a process that starts in another folder."""
        return replace(
            self,
            bids_dir=self.bids_dir.resolve(),
            out_dir=self.out_dir.resolve(),
            atlas=self.atlas and _found_from(Path(), self.atlas),
            work_dir=self.work_dir and self.work_dir.resolve(),
            model=tuple(path.resolve() for path in self.model),
            derivatives={name: path.resolve() for name, path in self.derivatives.items()},
            mask={name: path.resolve() for name, path in self.mask.items()},
        )

    def to_toml(self) -> str:
        """Return the configuration as TOML that ``--config-file`` reads again."""
        return tomli_w.dumps(_plain(asdict(self.with_absolute_paths())))

    def save(self, path: Path) -> None:
        """Write the configuration as TOML.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        write_text(path, self.to_toml())


def resolve_config(arguments: Mapping[str, Any], config_file: str | Path | None = None) -> Config:
    """Return the configuration of one call: command line over configuration file over defaults.

    Parameters
    ----------
    arguments : mapping of str
        What the command line gives, by the names of :class:`Config`.
    config_file : path, optional
        TOML file with the same names.

    Returns
    -------
    Config

    Raises
    ------
    UsageError
        If the file cannot be read, or a name or value is wrong; the message names each.
    """
    merged = ({} if config_file is None else _read_toml(Path(config_file))) | dict(arguments)
    try:
        return TypeAdapter(Config).validate_python(merged)
    except ValidationError as error:
        raise UsageError("; ".join(_fault(e) for e in error.errors())) from error


def _read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a configuration file, its paths relative to the file's folder."""
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--config-file {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--config-file {path}: not valid TOML ({error})") from error
    if isinstance(content.get("model"), str):
        content["model"] = [content["model"]]
    for name in ("bids_dir", "out_dir", "work_dir"):
        if isinstance(content.get(name), str):
            content[name] = path.parent / content[name]
    if isinstance(content.get("atlas"), str):
        content["atlas"] = _found_from(path.parent, content["atlas"])
    if isinstance(content.get("model"), list):
        content["model"] = [path.parent / str(file) for file in content["model"]]
    for name in ("derivatives", "mask"):
        if isinstance(content.get(name), dict):
            content[name] = {k: path.parent / str(v) for k, v in content[name].items()}
    return content


def _found_from(folder: Path, atlas: str) -> str:
    """Return the whole path of an atlas that is a file below a folder; names stay as they are."""
    return str((folder / atlas).resolve()) if (folder / atlas).is_file() else atlas


def _fault(error: Mapping[str, Any]) -> str:
    """Return one line for a fault found by pydantic."""
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        near = get_close_matches(name, [f.name for f in fields(Config)], n=1)
        return f"unknown option {name!r}" + (f"; do you mean {near[0]!r}?" if near else "")
    if error["type"] in ("missing_argument", "missing"):
        return f"{name} is missing"
    if not name:  # what does not fit together tells its own story
        return str(error.get("ctx", {}).get("error", error["msg"]))
    return f"{name} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _plain(value: Any) -> Any:
    """Return a value that TOML can hold; None, which it cannot, is left out."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value.absolute()) if isinstance(value, Path) else value
