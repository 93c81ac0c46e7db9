from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from drmbids.bids.reading.atlases import AtlasName
from drmbids.bids.reading.load import load_runs
from drmbids.data.tools.exceptions import DataError, UsageError

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


@pytest.fixture
def atlases(tmp_path: Path) -> Path:
    """Return a dataset with an atlas of two scales, in the space of a template."""
    root = tmp_path / "atlases"
    folder = root / "tpl-MNI152NLin2009cAsym"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "atlases"}')
    values = np.zeros((4, 3, 2), np.int16)
    for scale in (2, 3):
        for label in range(1, scale + 1):
            values[label] = label
        stem = folder / f"tpl-MNI152NLin2009cAsym_atlas-Halves_scale-{scale}_dseg"
        nib.save(nib.Nifti1Image(values, AFFINE), f"{stem}.nii.gz")
        rows = "".join(f"{k}\tarea{k}\n" for k in range(1, scale + 1))
        Path(f"{stem}.tsv").write_text("index\tname\n" + rows)
    return root


def regions_of(runs: list) -> dict[str, int]:
    return {name: stream.values.shape[1] for name, stream in runs[0].responses.items()}


@pytest.mark.parametrize("name", ["atlas-Halves_scale-2", "Halves_scale-2", "seg-Halves_scale-2"])
def test_an_atlas_by_its_name(tiny: Path, atlases: Path, name: str) -> None:
    data = AtlasName(name, [atlases])
    assert regions_of(load_runs(tiny, atlas_or_mask=data)) == {"area1": 6, "area2": 6}


def test_an_atlas_among_the_derivatives(tiny: Path, fmriprep: Path, atlases: Path) -> None:
    space = {"space": "MNI152NLin2009cAsym", "derivatives": {"f": fmriprep, "atlas": atlases}}
    runs = load_runs(tiny, atlas_or_mask="Halves_scale-3", **space)
    assert list(regions_of(runs)) == ["area1", "area2", "area3"]
    with pytest.raises(DataError, match=r"no atlas 'Halves' in space T1w .*there are tpl-MNI"):
        load_runs(tiny, atlas_or_mask="Halves", **{**space, "space": "T1w"})


def test_a_name_of_several_or_none(tiny: Path, atlases: Path) -> None:
    with pytest.raises(
        DataError, match=r"2 atlases are called so: .*scale-2.*scale-3.*; name more"
    ):
        load_runs(tiny, atlas_or_mask=AtlasName("Halves", [atlases]))
    with pytest.raises(DataError, match=r"no atlas 'Other'.*give its file"):
        load_runs(tiny, atlas_or_mask="Other")
    with pytest.raises(UsageError, match="neither a file nor a name"):
        load_runs(tiny, atlas_or_mask="my atlas!")
    with pytest.raises(DataError, match="no such file"):
        load_runs(tiny, atlas_or_mask=str(tiny / "atlas.nii.gz"))


def test_atlases_on_this_machine_and_not_beyond(
    tiny: Path, atlases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NILEARN_DATA", str(atlases))
    name = "nilearn:tpl-MNI152NLin2009cAsym_atlas-Halves_scale-2"
    assert list(regions_of(load_runs(tiny, atlas_or_mask=name))) == ["area1", "area2"]
    with pytest.raises(DataError, match=r"0 images are called schaefer\*: ; fetch it first"):
        load_runs(tiny, atlas_or_mask="nilearn:schaefer")


@pytest.mark.parametrize("percent", [1, 100])
def test_of_a_probabilistic_atlas_the_most_probable_region_counts(
    tiny: Path, tmp_path: Path, percent: int
) -> None:
    values = np.zeros((4, 3, 2, 2), np.float32)
    values[0, ..., 0], values[1, ..., 0], values[1, ..., 1] = 0.9, 0.4, 0.5
    values[2, ..., 1], values[3, ..., 1] = 0.3, 0.1
    path = tmp_path / "atlas-P_probseg.nii.gz"
    nib.save(nib.Nifti1Image(values * percent, AFFINE), path)
    path.with_name("atlas-P_probseg.tsv").write_text("index\tname\n1\tV1\n2\tV2\n")
    assert regions_of(load_runs(tiny, atlas_or_mask=path)) == {"V1": 6, "V2": 12}
    strict = AtlasName(str(path), threshold=0.45)
    assert regions_of(load_runs(tiny, atlas_or_mask=strict)) == {"V1": 6, "V2": 6}
    with pytest.raises(DataError, match=r"no voxel above 0\.6 in region V2; lower"):
        load_runs(tiny, atlas_or_mask=AtlasName(str(path), threshold=0.6))
    nib.save(nib.Nifti1Image(values - 1, AFFINE), path)
    with pytest.raises(DataError, match="values from -1 to"):
        load_runs(tiny, atlas_or_mask=path)


def test_one_atlas_that_is_found_twice_is_one(tiny: Path, fmriprep: Path, atlases: Path) -> None:
    inside = tiny / "derivatives" / "atlases"
    atlases.rename(inside)
    space = {"space": "MNI152NLin2009cAsym", "derivatives": {"f": fmriprep, "atlas": inside}}
    runs = load_runs(tiny, atlas_or_mask="Halves_scale-2", **space)
    assert regions_of(runs) == {"area1": 6, "area2": 6}
    link = tiny.parent / "link"
    link.symlink_to(inside)
    space["derivatives"] = {"f": fmriprep, "atlas": link}
    assert regions_of(load_runs(tiny, atlas_or_mask="Halves_scale-2", **space)) == {
        "area1": 6,
        "area2": 6,
    }


def test_of_several_resolutions_that_of_the_data_is_taken(
    tiny: Path, fmriprep: Path, atlases: Path
) -> None:
    for image in (fmriprep / "sub-01/func").glob("*space-MNI*"):
        image.rename(image.with_name(image.name.replace("Asym_", "Asym_res-2_")))
    folder = atlases / "tpl-MNI152NLin2009cAsym"
    old = folder / "tpl-MNI152NLin2009cAsym_atlas-Halves_scale-2_dseg.nii.gz"
    new = str(old).replace("_atlas", "_res-2_atlas")
    values = np.asarray(nib.load(old).dataobj)
    nib.save(nib.Nifti1Image(values[::-1].copy(), AFFINE), new)
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9), np.int16), AFFINE), new.replace("res-2", "res-1"))
    old.unlink()
    space = {"space": "MNI152NLin2009cAsym", "derivatives": {"f": fmriprep, "atlas": atlases}}
    (run, _) = load_runs(tiny, atlas_or_mask="Halves_scale-2", **space)
    assert run.space.voxels["area1"][0].tolist() == [2, 0, 0]


def test_an_atlas_of_another_cohort_does_not_fit(tiny: Path, tmp_path: Path) -> None:
    func = tiny / "sub-01/func"
    for image in func.glob("*_bold.nii.gz"):
        stem = image.name.replace("_bold", "_space-MNIInfant_cohort-1_desc-preproc_bold")
        image.rename(func / stem)
    values = np.ones((4, 3, 2), np.uint8)
    mask = tmp_path / "tpl-MNIInfant_cohort-2_desc-V1_mask.nii.gz"
    nib.save(nib.Nifti1Image(values, AFFINE), mask)
    with pytest.raises(DataError, match=r"space MNIInfant_cohort-2, .* in MNIInfant_cohort-1"):
        load_runs(tiny, atlas_or_mask=mask)
    atlas = tmp_path / "atlases"
    atlas.mkdir()
    nib.save(nib.Nifti1Image(values, AFFINE), atlas / "tpl-MNIInfant_cohort-2_atlas-A_dseg.nii.gz")
    with pytest.raises(DataError, match="no atlas 'A' in space MNIInfant"):
        load_runs(tiny, atlas_or_mask=AtlasName("A", [atlas]))
    good = atlas / "tpl-MNIInfant_cohort-1_atlas-A_dseg.nii.gz"
    nib.save(nib.Nifti1Image(values, AFFINE), good)
    assert list(regions_of(load_runs(tiny, atlas_or_mask=AtlasName("A", [atlas])))) == ["1"]


@pytest.mark.parametrize("name", ["all", "All", "n/a", "each_region", " V1"])
def test_names_that_stand_for_something_else_are_refused(tiny: Path, name: str) -> None:
    mask = nib.Nifti1Image(np.ones((4, 3, 2), np.uint8), AFFINE)
    with pytest.raises(DataError, match=r"RG10"):
        load_runs(tiny, atlas_or_mask={name: mask})
    assert "mean" in regions_of(load_runs(tiny, atlas_or_mask={"mean": mask}))


@pytest.mark.real_data
def test_regions_of_the_localizer_are_named_by_the_table_at_the_root(shared_data: Path) -> None:
    for name in ("rois", "desc-rois"):
        runs = load_runs(shared_data / "localizer_bids", atlas_or_mask=name)
        assert regions_of(runs) == {"one": 632, "two": 640}
