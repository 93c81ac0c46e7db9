"""The participant's report, from a whole folder and from what is left of a failed run."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.report import write_participant_report
from drmbids.app.report.folder import find_analyses
from drmbids.app.report.images import best_and_median_voxel, voxel_series

MODELS = "sub-01/models/sub-01_task-objects"
SECTIONS = {
    *(
        "inputs",
        "models",
        "design",
        "scores",
        "statistics",
        "maps",
        "series",
        "hrf",
        "parameters",
        "training",
    ),
    *("recovery", "messages", "methods", "provenance"),
}
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Ids, links, sources and whether every element is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.loaded, self.open = [], [], [], []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        self.loaded += [
            value
            for name, value in given.items()
            if (name == "src" or name.endswith("href")) and tag != "a"
        ]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _read(out: Path) -> tuple[str, Page]:
    text = (out / "sub-01.html").read_text("utf-8")
    page = Page(text)
    assert page.open == []
    return text, page


def _write(out: Path) -> tuple[str, Page]:
    write_participant_report(out, "01")
    return _read(out)


def _edit_inputs(out: Path, **changes) -> None:
    path = out / f"{MODELS}_desc-inputs_runs.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_sections_are_there_and_filled(complete):
    text, page = _read(complete)
    assert set(page.ids) >= SECTIONS
    assert 'class="missing"' not in text
    for shown in ("scrambled $a_b$", "run-2: 3 voxels of V1 are constant", "1234", "0.812"):
        assert shown in text


def test_every_link_and_reference_leads_somewhere(complete):
    _, page = _read(complete)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("https://doi.org/"):
            assert (complete / link).is_file(), link
    for address in page.loaded:
        assert address.startswith(("#", "data:image/png;base64,")), address[:80]
        if address.startswith("#"):
            assert address[1:] in page.ids
    assert "script" not in page.tags


def test_every_figure_on_the_page_is_a_file(complete):
    _, page = _read(complete)
    linked = {Path(link).name for link in page.links if link.endswith(".svg")}
    files = {path.name for path in (complete / "sub-01" / "figures").iterdir()}
    assert linked == files
    assert len(files) == 14
    assert all(name.startswith("sub-01_task-objects_") for name in files)


def test_nothing_is_fetched_from_outside(complete):
    text, _ = _read(complete)
    # what is left are the references' links and the names of the SVG vocabularies
    rest = re.sub(r'<a href="https://doi.org[^>]*>.*?</a>|xmlns(:\w+)?="[^"]*"', "", text)
    assert "http" not in rest
    assert "@import" not in rest


def test_same_bytes_twice(complete, tmp_path):
    out = Path(shutil.copytree(complete, tmp_path / "out"))
    assert (
        write_participant_report(out, "01").read_bytes() == (complete / "sub-01.html").read_bytes()
    )
    for path in (complete / "sub-01" / "figures").iterdir():
        assert (out / "sub-01" / "figures" / path.name).read_bytes() == path.read_bytes()
    assert not list(out.rglob("*.tmp"))


def test_hostile_names_stay_text(derivatives):
    hostile = '<script>alert("x")</script>'
    events = [{"onset": 1.0, "duration": 2.0, "condition": hostile, "amplitude": 1.0}]
    _edit_inputs(
        derivatives,
        warnings=[hostile],
        command=hostile,
        design={"label": "--><script>", "events": events},
        regions={hostile: 3},
    )
    text, page = _write(derivatives)
    assert "<script" not in text
    assert "script" not in page.tags
    assert "&lt;script&gt;" in text


@pytest.mark.usefixtures("undrawn")
def test_a_folder_with_nothing_gives_a_report_that_says_so(tmp_path):
    text, page = _write(tmp_path)
    assert "No analysis was saved" in text
    assert {"messages", "methods", "provenance"} <= set(page.ids)


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_failed_while_loading(derivatives):
    for path in [*derivatives.glob("sub-01/func/*"), *derivatives.glob("sub-01/models/*.tsv")]:
        path.unlink()
    _edit_inputs(derivatives, errors=["sub-01: no bold file in ses-2"], runs=[])
    text, page = _write(derivatives)
    assert "no bold file in ses-2" in text
    assert "ERROR &lt;b&gt;something&lt;/b&gt; broke" in text
    assert text.count('class="missing"') >= 6
    assert page.ids.index("messages") < page.ids.index("inputs")
    assert "No score was saved" in text


def test_a_damaged_file_costs_only_its_section(derivatives):
    (derivatives / f"{MODELS}_desc-drm_hrf.tsv").write_bytes(b"")
    image = next(derivatives.glob("sub-01/func/*desc-drm_statmap.nii.gz"))
    image.write_bytes(image.read_bytes()[:100])
    text, _ = _write(derivatives)
    assert text.count("This part could not be made") == 3  # maps, series, hemodynamics
    assert "desc-drm_hrf.tsv" in text
    assert "median r" in text


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("content", "said"), [("{", "not readable JSON"), ("[]", "not a JSON object")]
)
def test_damaged_inputs_are_an_error_on_the_page(derivatives, content, said):
    (derivatives / f"{MODELS}_desc-inputs_runs.json").write_text(content, "utf-8")
    text, _ = _write(derivatives)
    assert said in text


@pytest.mark.usefixtures("undrawn")
def test_methods_are_those_of_this_participant(derivatives):
    (derivatives / "logs" / "CITATION.md").write_text("What was done to another one.", "utf-8")
    text, _ = _write(derivatives)
    assert "We did &lt;this&gt;." in text
    assert "another one" not in text


@pytest.mark.usefixtures("undrawn")
def test_models_are_called_as_in_their_files(derivatives):
    path = derivatives / f"{MODELS}_desc-inputs_runs.json"
    record = json.loads(path.read_text("utf-8"))
    for model in record["fitted"]:
        model["title"] = f"my_{model['name']}"
    path.write_text(json.dumps(record), "utf-8")
    text, _ = _write(derivatives)
    name = record["fitted"][0]["name"]
    head = text.partition("<h2")[0]
    assert f"my_{name}" in head  # the scores on top
    assert f"{name} (my_{name})" in text  # models compared
    assert f"<dd>my_{name}</dd>" in text.replace("\n", "")


@pytest.mark.usefixtures("undrawn")
def test_what_the_model_has_no_estimate_of_is_said(derivatives):
    path = derivatives / f"{MODELS}_desc-recovery_scores.tsv"
    table = pd.read_csv(path, sep="\t")
    table.assign(estimate="n/a").to_csv(path, sep="\t", index=False)
    text, page = _write(derivatives)
    assert "recovery" in page.ids
    assert "has no estimate of p0, p1, p2" in text
    assert "Estimate against truth" not in text  # no figure of empty panels


@pytest.mark.usefixtures("undrawn")
def test_no_recovery_section_without_truth(derivatives):
    (derivatives / f"{MODELS}_desc-recovery_scores.tsv").unlink()
    _, page = _write(derivatives)
    assert "recovery" not in page.ids


def test_several_analyses_of_one_participant_keep_apart(derivatives):
    for path in list(derivatives.glob("sub-01/*/*")):
        other = path.name.replace("task-objects", "task-objects_space-T1w", 1)
        if "_run-" in path.name:  # runs carry the space after the run
            other = path.name.replace("_desc-", "_space-T1w_desc-")
        path.with_name(other).write_bytes(path.read_bytes())
    text, page = _write(derivatives)
    assert len(page.ids) == len(set(page.ids))
    assert "sub-01_task-objects-scores" in page.ids
    assert "sub-01_task-objects_space-T1w-scores" in page.ids
    assert "in sub-01_task-objects_run-1_space-T1w, held out" in text


@pytest.mark.usefixtures("undrawn")
def test_a_long_table_is_cut_and_says_so(derivatives):
    path = derivatives / f"{MODELS}_desc-drm_parameters.tsv"
    table = pd.read_csv(path, sep="\t")
    pd.concat([table] * 150).to_csv(path, sep="\t", index=False)
    text, _ = _write(derivatives)
    assert "First 200 of 300 rows" in text


def test_maps_with_zero_outside_read_as_those_with_nan(derivatives):
    first = best_and_median_voxel(*_map_paths(derivatives, "drm"))
    for path in derivatives.glob("sub-01/func/*_statmap.nii.gz"):
        image = nib.load(path)
        filled = np.nan_to_num(np.asarray(image.dataobj))
        nib.save(nib.Nifti1Image(filled, image.affine), path)
    assert best_and_median_voxel(*_map_paths(derivatives, "drm")) == first


def _map_paths(out: Path, model: str) -> list[Path]:
    return list(out.glob(f"sub-01/func/*desc-{model}_statmap.nii.gz"))


@pytest.mark.usefixtures("undrawn")
def test_series_are_shown_where_a_model_of_a_file_is_best_not_the_mean(derivatives):
    (path,) = _map_paths(derivatives, "drm")
    shutil.copy(path, str(path).replace("desc-drm", "desc-mean"))
    _edit_inputs(derivatives, models=["glm", "mean", "drm"])
    text, _ = _write(derivatives)
    assert "Best voxel of drm in" in text and "Best voxel of mean in" not in text


@pytest.mark.usefixtures("undrawn")
def test_epochs_are_steps_of_training(derivatives):
    (path,) = derivatives.glob("sub-01/models/*_desc-drm_traininglog.tsv")
    log = pd.read_csv(path, sep="\t")
    log.assign(epoch=log["epoch"] - 1).to_csv(path, sep="\t", index=False)  # the start is row 0
    assert "29 epochs took 12 s" in _write(derivatives)[0]


def test_series_are_those_of_the_images_voxel(derivatives):
    (path,) = _map_paths(derivatives, "drm")
    scores = np.asarray(nib.load(path).dataobj, dtype=float)
    (voxel, score) = best_and_median_voxel(path)["Best voxel"]
    assert score == np.nanmax(scores) == scores[voxel]
    (analysis,) = find_analyses(derivatives / "sub-01")
    shown = voxel_series(analysis, "sub-01_task-objects_run-1", voxel)
    func = derivatives / "sub-01" / "func"
    parts = [
        nib.load(func / f"sub-01_task-objects_run-1_desc-glm{kind}_bold.nii.gz").get_fdata()[voxel]
        for kind in ("predicted", "residual")
    ]
    assert np.allclose(shown.predicted["glm"], parts[0])
    assert np.allclose(shown.measured, sum(parts), atol=1e-5)
    assert np.allclose(shown.times, np.arange(80) * 2.5)


def test_statistics_are_shown_with_what_they_mean(complete):
    text, _ = _read(complete)
    section = text[text.index('<section id="statistics">') : text.index('<section id="maps">')]
    for said in ("Nadeau and Bengio, 2003", "1000 random shifts", "Noise ceilings from runs"):
        assert said in section
    assert "0.7</td>" in section and "0.49</td>" in section  # ceilings of r and R2
    assert "Scores are not normalised: repeats were not held out together." in section
    table = pd.read_csv(complete / f"{MODELS}_desc-permutation_scores.tsv", sep="\t")
    shown = (table.query("model == 'drm' and region == 'V1'")["p_fwe"] < 0.05).sum()
    assert shown > 0 and f">{shown}</td>" in section


@pytest.mark.usefixtures("undrawn")
def test_statistics_that_were_not_made_are_named(derivatives):
    _edit_inputs(derivatives, statistics={"n_permutations": 0, "n_repeated_stimuli": 0})
    path = derivatives / f"{MODELS}_desc-summary_scores.tsv"
    table = pd.read_csv(path, sep="\t")
    table.drop(columns=[c for c in table if "ceiling" in c]).to_csv(path, sep="\t", index=False)
    text, _ = _write(derivatives)
    assert "No test against chance was asked for" in text
    assert "so there is no noise ceiling" in text


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("shift", "said"), [(-0.1, True), (0.1, False)])
def test_a_model_no_better_than_the_mean_is_named(derivatives, shift, said):
    path = derivatives / f"{MODELS}_desc-paired_scores.tsv"
    table = pd.read_csv(path, sep="\t").assign(baseline="mean", fold_mean=shift)
    table.to_csv(path, sep="\t", index=False)
    text, _ = _write(derivatives)
    assert (
        "No better in r than the mean of the training runs, in any region: drm." in text
    ) == said


@pytest.mark.usefixtures("undrawn")
def test_a_model_without_a_response_function_says_so(derivatives):
    path = derivatives / f"{MODELS}_desc-drm_hrf.tsv"
    pd.DataFrame(columns=["region", "time_s", "hrf"]).to_csv(path, sep="\t", index=False)
    text, page = _write(derivatives)
    assert "The hemodynamics of drm are no response function: see its parameters." in text
    assert "This part could not be made" not in text
    assert not [link for link in page.links if "drmhrf" in link]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("earlier", [True, False])
def test_why_the_latest_call_failed_is_read_first(derivatives, tmp_path, earlier):
    out = derivatives if earlier else tmp_path
    write_participant_report(out, "01", failure="bold <1>: cut off")
    text = (out / "sub-01.html").read_text()
    page = Page(text)
    assert page.ids.index("failed") < page.ids.index("methods")
    assert "bold &lt;1&gt;: cut off" in text
    assert ("result of an earlier one" in text) == earlier
    assert ("scores" in page.ids) == earlier
    write_participant_report(out, "01")
    assert "cut off" not in (out / "sub-01.html").read_text()
