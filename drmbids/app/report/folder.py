"""What a derivative folder holds, found by the names of its files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.app.report.held_out_words import held_out_in, scored_where
from drmbids.data.tools.exceptions import DataError

_INPUTS = "_desc-inputs_runs.json"


def entities_of(name: str) -> dict[str, str]:
    """Return the BIDS entities in a file name or the part of one.

    Examples
    --------
    >>> entities_of("sub-01_task-rest_desc-x_bold.nii.gz")
    {'sub': '01', 'task': 'rest', 'desc': 'x'}
    """
    return dict(part.split("-", 1) for part in name.split("_") if "-" in part)


@dataclass(frozen=True)
class Analysis:
    """One analysis of one participant: the files that share a stem.

    Parameters
    ----------
    folder : Path
        Folder of the participant.
    stem : str
        Entities shared by all runs of the analysis, as in ``sub-01_task-rest_space-T1w``.
    stems : tuple of str
        Stems of all analyses of the participant, to tell which one a run belongs to.
    """

    folder: Path
    stem: str
    stems: tuple[str, ...]

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """What went in; empty if it was not written, an error in it if it cannot be read."""
        path = self.folder / "models" / f"{self.stem}{_INPUTS}"
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            return {"errors": [f"{path.name}: not readable JSON ({error}); run the analysis again"]}
        if not isinstance(content, dict):
            return {"errors": [f"{path.name}: not a JSON object; run the analysis again"]}
        return content

    @property
    def models(self) -> list[str]:
        """Names of the compared models."""
        return list(self.inputs.get("models", ()))

    @property
    def baseline(self) -> str | None:
        """Name of the model that the others are compared with."""
        return self.inputs.get("baseline")

    @property
    def free_hrf(self) -> str | None:
        """Name of the linear model with free hemodynamic responses."""
        return self.inputs.get("free_hrf")

    @property
    def baselines(self) -> list[str]:
        """Names of the linear models that the others are compared with."""
        return [name for name in (self.baseline, self.free_hrf) if name]

    @property
    def hypotheses(self) -> list[str]:
        """Names of the models that were given, all but the baselines beside them."""
        beside = self.inputs.get("beside", ("mean",))
        return [name for name in self.models if name not in (*self.baselines, *beside)]

    @property
    def titles(self) -> dict[str, str]:
        """Names of the given models as their files have them, by their names in tables."""
        fitted = self.inputs.get("fitted", ())
        return {str(m["name"]): str(m.get("title") or m["name"]) for m in fitted}

    @property
    def n_parameters(self) -> dict[str, int]:
        """Trained numbers of the models that were given, as far as recorded."""
        fitted = self.inputs.get("fitted", ())
        return {str(m["name"]): m["n_parameters"] for m in fitted if "n_parameters" in m}

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions of all runs, in the order of their colours."""
        runs = self.inputs.get("runs") or []
        found = [c.get("name") for run in runs for c in run.get("conditions") or []]
        return [str(name) for name in dict.fromkeys(found)]

    @property
    def held_out(self) -> str:
        """What was held out: ``"run"``, ``"session"``, ``"blocks"``, ``"stimulus"``, ``"none"``."""
        return held_out_in(self.inputs)

    @property
    def where(self) -> str:
        """Where models were scored, as it reads in a sentence: ``"in held-out runs"``."""
        return scored_where(self.held_out)

    def table(self, name: str) -> pd.DataFrame | None:
        """Return the table ``<stem>_<name>.tsv``, or None if it was not written.

        Raises
        ------
        DataError
            If the file is there but is no table.
        """
        path = self.table_path(name)
        return read_table(path) if path else None

    def table_path(self, name: str) -> Path | None:
        """Return where the table ``<stem>_<name>.tsv`` is, or None if it was not written."""
        places = [self.folder / sub / f"{self.stem}_{name}.tsv" for sub in ("models", "func")]
        return next((path for path in places if path.is_file()), None)

    def model_tables(self, name: str) -> dict[str, pd.DataFrame]:
        """Return the tables ``<stem>_desc-<model>_<name>.tsv`` of all models that have one."""
        found = {}
        for path in sorted((self.folder / "models").glob(f"{self.stem}_desc-*_{name}.tsv")):
            found[entities_of(path.name[: -len(f"_{name}.tsv")])["desc"]] = read_table(path)
        return {model: found[model] for model in sorted(found, key=self._place)}

    def _place(self, model: str) -> int:
        """Return where a model comes in every list and legend; those not recorded come last."""
        return self.models.index(model) if model in self.models else len(self.models)

    def score_map_path(self, model: str, score: str = "r") -> Path | None:
        """Return the file of a model's scores, that of the first hemisphere where there are two.

        None if it was not written.
        """
        wanted = entities_of(f"{self.stem}_stat-{score}_desc-{model}")
        for path in sorted((self.folder / "func").glob("*_statmap.*")):
            entities = entities_of(path.name)
            if "hemi" not in entities_of(self.stem):
                entities.pop("hemi", None)
            if path.suffix != ".json" and entities == wanted:
                return path
        return None

    def series_paths(self) -> dict[str, dict[str, tuple[Path, Path]]]:
        """Return ``{run: {model: (predicted, residual)}}`` of the runs that have both.

        Of two hemispheres the files of the first one.
        """
        found: dict[str, dict[str, tuple[Path, Path]]] = {}
        name = "*_desc-*predicted_bold.*"
        images = [*self.folder.glob(f"func/{name}"), *self.folder.glob(f"ses-*/func/{name}")]
        for predicted in sorted(images, key=lambda path: path.name):
            stem, _, rest = predicted.name.rpartition("_desc-")
            model, _, extension = rest.partition("predicted_bold")
            residual = predicted.with_name(f"{stem}_desc-{model}residual_bold{extension}")
            run = stem if "hemi-" in self.stem else re.sub("_hemi-[LR]", "", stem)
            if extension == ".json" or not residual.is_file():
                continue
            if _owner(run, self.stems) == self.stem:
                found.setdefault(run, {}).setdefault(model, (predicted, residual))
        return {
            run: {model: paths[model] for model in sorted(paths, key=self._place)}
            for run, paths in found.items()
        }


def _owner(run: str, stems: tuple[str, ...]) -> str | None:
    """Return the stem with the most entities among those that agree with the run's."""
    pairs = entities_of(run).items()
    agreeing = [stem for stem in stems if entities_of(stem).items() <= pairs]
    return max(agreeing, key=lambda stem: len(entities_of(stem)), default=None)


def find_analyses(folder: Path) -> list[Analysis]:
    """Return the analyses in a participant's folder, by the tables and images it holds."""
    stems = {p.name.removesuffix(_INPUTS) for p in (folder / "models").glob(f"*{_INPUTS}")}
    for path in (folder / "models").glob("*_desc-*_*.tsv"):
        stems.add(path.name.rpartition("_desc-")[0])
    for path in (folder / "func").glob("*_desc-scores_timeseries.tsv"):
        stems.add(path.name.removesuffix("_desc-scores_timeseries.tsv"))
    ordered = tuple(sorted(stems))
    return [Analysis(folder, stem, ordered) for stem in ordered]


def read_table(path: Path) -> pd.DataFrame:
    """Return a BIDS table: tab-separated, ``n/a`` where a value is missing.

    Raises
    ------
    DataError
        If the file is no table.
    """
    try:
        # Names such as "NA" or "null" are labels here; only n/a is missing.
        return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable table ({error}); write it again") from error


def latest_log(out_dir: Path, name: str) -> str | None:
    """Return the text of ``logs/<run>/<name>`` of the run that wrote it last, or None."""
    found = list((out_dir / "logs").glob(f"*/{name}"))
    if not found:
        return None
    newest = max(found, key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    return newest.read_text("utf-8", errors="replace")
