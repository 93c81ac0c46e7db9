"""Model files from the command line: write one to start from, check, show."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drmbids.app.commands.stand_ins import shape_without_data
from drmbids.brain.modelfile.default import default_model, new_model_text
from drmbids.brain.modelfile.load import SUFFIXES, as_model, load_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import (
    EACH_REGION,
    GateSpec,
    OpenPart,
    ProjectionSpec,
    ReadoutSpec,
)
from drmbids.brain.modelfile.problems import path_text
from drmbids.brain.modelfile.readouts import path_of
from drmbids.brain.modelfile.schema import model_schema
from drmbids.data.runs.align import ONLY
from drmbids.data.storage.files import write_json, write_text
from drmbids.data.tools.exceptions import OutputError, UsageError


def new_model(
    path: Path,
    regions: Sequence[str] = (),
    conditions: Sequence[str] = (),
    population: str | None = None,
    force: bool = False,
) -> int:
    """Write a model file to start from: every population driven by the events, all connected.

    Parameters
    ----------
    path : Path
        ``.yaml``, ``.yml`` or ``.json``.
    regions : sequence of str
        One population is made for each; without any, one for each region that the data have.
    conditions : sequence of str
        Trial types that the model sees; all when empty.
    population : str, optional
        Kind of the populations; that of the default model when absent.
    force : bool
        Replace the file.

    Returns
    -------
    int
        0.

    Raises
    ------
    UsageError
        If the name has another ending.
    OutputError
        If the file exists, or cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the name of a model file ends in {', '.join(SUFFIXES)}")
    if path.exists() and not force:
        raise OutputError(f"{path}: the file exists; use another name, or --force to replace it")
    if not (regions or conditions or population) and path.suffix.lower() != ".json":
        write_text(path, new_model_text())  # with comments on what can be changed
    else:
        _write(path, _changed_default(regions, conditions, population))
    print(f"{path}: written")
    return 0


def _write(path: Path, spec: ModelSpec) -> None:
    if path.suffix.lower() == ".json":
        write_json(path, spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    else:
        write_text(path, spec.to_yaml())


def _changed_default(
    regions: Sequence[str], conditions: Sequence[str], population: str | None
) -> ModelSpec:
    """Return the default model with other regions, conditions or kind of population."""
    data = default_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    data.pop("description", None)
    default = data["populations"][EACH_REGION]
    kind = {} if population is None else {"kind": population}
    # options belong to the kind that they were written for
    kept = default if kind.get("kind", default["kind"]) == default["kind"] else {}
    names = list(regions) or [EACH_REGION]
    data["populations"] = {name: {**kept, **kind} for name in names}
    if regions:
        data["projections"] = _spelled_out(data["projections"], names)
    if conditions:
        data["stimuli"] = {name: {"conditions": list(conditions)} for name in data["stimuli"]}
    return as_model(data)


def validate_model(path: Path) -> int:
    """Check a model file and say that it is right.

    Parameters
    ----------
    path : Path

    Returns
    -------
    int
        0.

    Raises
    ------
    ModelError
        Listing every fault.
    """
    load_model(path)
    print(f"{path}: valid")
    return 0


def show_model(path: Path, python: bool = False) -> int:
    """Print what a model file states.

    Parameters
    ----------
    path : Path
    python : bool
        Print a script that builds the same model, in place of tables; comments at its top name
        what stands there for the data, where the model leaves something to them.

    Returns
    -------
    int
        0.

    Raises
    ------
    ModelError
        Listing every fault.
    """
    spec = load_model(path)
    if python:
        shape, guessed = shape_without_data(spec)
        if guessed:
            print("# The model file leaves this to the data; put those of yours in its place:")
            print("".join(f"#   {line}\n" for line in guessed))
        print(spec.to_python(shape))
        return 0
    console = Console()
    for table in _tables(spec):
        console.print(table)
    return 0


def print_schema() -> int:
    """Print the JSON Schema of model files.

    Returns
    -------
    int
        0.
    """
    print(json.dumps(model_schema(), indent=2, ensure_ascii=False))
    return 0


def _spelled_out(projections: Sequence[dict], regions: Sequence[str]) -> list[dict]:
    """Return projections with each region by its name in place of ``each_region``."""
    found = []
    for projection in projections:
        sources = regions if projection["from"] == EACH_REGION else [projection["from"]]
        targets = regions if projection["to"] == EACH_REGION else [projection["to"]]
        pairs = [(s, t) for t in targets for s in sources if s != t]
        found += [{**projection, "from": source, "to": target} for source, target in pairs]
    return found


def _tables(spec: ModelSpec) -> list[Table]:
    populations = _table("populations", "name", "kind", "units", "options")
    for name, part in spec.populations.items():
        populations.add_row(name, part.kind, str(part.units), _options(part))
    stimuli = _table("stimuli", "name", "conditions")
    for name, stimulus in spec.stimuli.items():
        shown = stimulus.conditions
        stimuli.add_row(name, shown if isinstance(shown, str) else ", ".join(shown))
    projections = _table("projections", "from", "to", "delay", "through", "gated by")
    for projection in spec.projections:
        projections.add_row(
            projection.source,
            projection.target,
            _delay(projection),
            _through(projection),
            ", ".join(map(_gate, projection.gates)),
        )
    readouts = [_readout(name, part) for name, part in spec.readout_parts.items()]
    return [stimuli, populations, projections, *readouts]


def _readout(name: str, part: ReadoutSpec) -> Table:
    table = _table(f"{path_text(path_of(name))}: {part.kind}", "part", "value")
    table.add_row("hrf", "default" if part.hrf is None else part.hrf.kind)
    table.add_row("drift", part.drift.kind)
    table.add_row("confounds", part.confounds)
    if part.loss is not None:
        table.add_row("loss", part.loss.kind)
    if name != ONLY:
        table.add_row("regions", ", ".join(part.regions or ()))
        table.add_row("weight", f"{1.0 if part.weight is None else part.weight:g}")
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left")


def _delay(projection: ProjectionSpec) -> str:
    """Return a delay as it is read, with the limits between which it is learned."""
    ticks, connectome = projection.delay_ticks, projection.connectome
    if connectome is not None:
        return f"lengths over {connectome.velocity_m_per_s:g} m/s"
    if ticks is not None:
        return f"{ticks} {'tick' if ticks == 1 else 'ticks'}"
    if not projection.limited:
        return f"{projection.delay_s or 0:g} s"
    limits = f"{projection.delay_min_s:g} to {projection.delay_max_s:g} s"
    kept = ", not trained" if projection.trainable is False else ""
    return f"{projection.delay_s or 0:g} s (within {limits}{kept})"


def _through(projection: ProjectionSpec) -> str:
    """Return what is between source and target beside the delay."""
    found = []
    for key in ("weights", "plasticity", "synapse"):
        part = getattr(projection, key)
        if part is not None:
            # matrices are for files, not for tables
            shown = {k: v for k, v in part.options.items() if not isinstance(v, list)}
            options = "".join(f", {name}={value}" for name, value in shown.items())
            found.append(f"{part.kind} {key if key == 'weights' else ''}".strip() + options)
    if projection.dale is not None:
        found.append(f"dale {projection.dale}")
    if projection.connectome is not None:
        found.append("connectome of {} x {}".format(*projection.connectome.shape))
    return "; ".join(found)


def _gate(gate: GateSpec) -> str:
    if isinstance(gate.conditions, str):
        return gate.by
    return f"{gate.by} ({', '.join(gate.conditions)})"


def _options(part: OpenPart) -> str:
    return ", ".join(f"{name}={value}" for name, value in part.options.items()) or "defaults"
