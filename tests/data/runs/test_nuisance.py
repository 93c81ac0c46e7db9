import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.glm.first_level.design_matrix import create_cosine_drift

from drmbids.data.runs.freedom import freedom_left, nothing_left, runs_with_freedom
from drmbids.data.runs.nuisance import NoNuisance, Nuisance, added_basis, confounds_at, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

RNG = np.random.default_rng(0)


def run_with(confounds: np.ndarray | None, times: np.ndarray) -> Run:
    stream = None if confounds is None else Stream(confounds, times)
    return Run({"V1": Stream(np.zeros((len(times), 1)), times)}, confounds=stream, tr=2.0)


def spans(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the columns of two matrices span the same space."""
    ranks = [np.linalg.matrix_rank(m) for m in (one, other, np.concatenate([one, other], axis=1))]
    return len(set(ranks)) == 1


@given(
    n=st.integers(12, 60),
    order=st.integers(0, 4),
    n_confounds=st.integers(0, 3),
    shift=st.floats(-1000, 1000),
)
def test_basis_is_orthonormal_and_spans_drifts_and_confounds(
    n: int, order: int, n_confounds: int, shift: float
) -> None:
    times = 2.0 * np.arange(n)
    confounds = RNG.standard_normal((n, n_confounds)) + shift if n_confounds else None
    basis = Nuisance(order=order).basis(run_with(confounds, times), times)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)
    assert basis.shape[1] == 1 + order + n_confounds
    drift = np.vander(times / times[-1], order + 1)
    assert np.abs(project_out(basis, drift)).max() < 1e-8


def test_cosine_drifts_span_those_of_nilearn() -> None:
    times = 2.5 * np.arange(121)
    ours = Nuisance("cosine", high_pass=0.01).drifts(times)
    assert ours.shape[1] > 3
    assert spans(ours, create_cosine_drift(0.01, times))


def test_no_drift_is_an_intercept() -> None:
    assert Nuisance("none").drifts(np.arange(4.0)).tolist() == [[1.0]] * 4


def test_one_volume() -> None:
    for drift in ("polynomial", "none"):
        assert np.isfinite(Nuisance(drift).drifts(np.zeros(1))).all()


def test_copies_constants_and_sums_of_confounds_count_once() -> None:
    times = 2.0 * np.arange(30)
    one = RNG.standard_normal((30, 2))
    redundant = np.column_stack([one, one.sum(1), 1e6 * one[:, 0], np.full(30, 3.0)])
    bases = [Nuisance().basis(run_with(c, times), times) for c in (one, redundant)]
    assert bases[0].shape == bases[1].shape == (30, 5)
    assert spans(*bases)


def test_confounds_can_be_left_out() -> None:
    times = 2.0 * np.arange(30)
    run = run_with(RNG.standard_normal((30, 2)), times)
    assert Nuisance(confounds=False).basis(run, times).shape == (30, 3)


def test_more_nuisance_than_volumes_is_refused() -> None:
    times = 2.0 * np.arange(10)
    run = run_with(RNG.standard_normal((10, 9)), times)
    with pytest.raises(DataError, match="leave nothing of 10 volumes; use fewer confounds"):
        Nuisance().basis(run, times)


def test_missing_confound_is_named() -> None:
    values = np.zeros((5, 2))
    values[3, 1] = np.nan
    run = run_with(values, 2.0 * np.arange(5))
    with pytest.raises(DataError, match="confound '1' is missing in row 3"):
        confounds_at(run, run.measured_times())


def test_confounds_at_other_times_are_interpolated_and_centred() -> None:
    run = run_with(np.arange(6.0)[:, None], 2.0 * np.arange(6))
    found = confounds_at(run, np.array([1.0, 3.0, 5.0]))
    np.testing.assert_allclose(found.ravel(), [-1, 0, 1])
    assert confounds_at(run_with(None, np.arange(3.0)), np.arange(3.0)).shape == (3, 0)


@pytest.mark.parametrize("wrong", [{"drift": "linear"}, {"order": -1}, {"high_pass": 0.0}])
def test_settings_that_cannot_be(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Nuisance(**wrong)


def test_missing_elements_stay_missing_and_do_not_spread() -> None:
    times = 2.0 * np.arange(40)
    basis = Nuisance(order=2).basis(run_with(None, times), times)
    values = RNG.standard_normal((40, 6))
    holed = values.copy()
    holed[3, 1] = holed[5, 2] = holed[7, 2] = np.nan
    holed[11] = np.nan
    holed[:, 5] = np.nan
    out = project_out(basis, holed)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(holed))
    for k in range(5):
        rows = np.isfinite(holed[:, k])
        alone = project_out(np.linalg.qr(basis[rows])[0], values[rows, k : k + 1]).ravel()
        np.testing.assert_allclose(out[rows, k], alone, atol=1e-10)


def test_taking_out_twice_is_taking_out_once() -> None:
    times = 2.0 * np.arange(40)
    basis = Nuisance().basis(run_with(None, times), times)
    once = project_out(basis, RNG.standard_normal((40, 3)))
    np.testing.assert_allclose(project_out(basis, once), once, atol=1e-12)
    np.testing.assert_allclose(basis.T @ once, 0, atol=1e-12)


@pytest.mark.parametrize(("n", "tr"), [(375, 0.8), (120, 2.0), (100, 2.5), (363, 1.1), (10, 2.0)])
def test_cosine_drifts_are_as_many_as_nilearns(n: int, tr: float) -> None:
    times = tr * np.arange(n)
    expected = create_cosine_drift(0.01, times)
    assert Nuisance("cosine").drifts(times).shape[1] == expected.shape[1]


def test_what_columns_add_is_orthogonal_and_ignores_what_the_basis_explains() -> None:
    basis, more = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))
    mixed = basis @ RNG.standard_normal((3, 1)) * (1 + 1e-9 * RNG.standard_normal((30, 1)))
    added = added_basis(basis, np.column_stack([1e6 * mixed, more, np.zeros(30)]))
    np.testing.assert_allclose(added.T @ added, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(added.T @ basis, 0, atol=1e-9)
    assert spans(np.column_stack([basis, added]), np.column_stack([basis, more]))


@pytest.mark.parametrize("noise", [0.0, 1e-14, 1e-12, 1e-10])
def test_rounding_of_collinear_confounds_changes_no_number(noise: float) -> None:
    # the weights of collinear columns are what rounding makes them; what they explain is not
    basis = RNG.standard_normal((30, 3))
    near = basis.sum(1, keepdims=True) + noise * RNG.standard_normal((30, 1))
    values = RNG.standard_normal((30, 4))
    values[3, 1] = np.nan
    np.testing.assert_allclose(
        project_out(np.column_stack([basis, near]), values), project_out(basis, values), atol=1e-7
    )


def scrubbed(n_left: int, n_confounds: int = 4, n: int = 20) -> Run:
    """Return a run with so many volumes left, beside drifts of 3 columns and confounds."""
    values = RNG.standard_normal((n, 2))
    values[n_left:] = np.nan
    times = 2.0 * np.arange(n)
    confounds = Stream(RNG.standard_normal((n, n_confounds)), times)
    return Run({"V1": Stream(values, times)}, confounds=confounds, tr=2.0, entities={"run": "7"})


@pytest.mark.parametrize(("n_left", "enough"), [(0, False), (6, False), (8, False), (9, True)])
def test_volumes_left_are_counted_against_the_nuisance(n_left: int, enough: bool) -> None:
    text = nothing_left(scrubbed(n_left), Nuisance())
    assert (text is None) == enough
    if text is not None:
        assert text == (
            f"run-7: 7 drift and confound columns leave nothing of the {n_left} volumes that are "
            "kept of 20; use fewer confounds"
        )
    assert nothing_left(scrubbed(n_left), Nuisance(), NoNuisance()) is None


def test_freedom_is_that_of_each_target_and_its_gaps() -> None:
    values = RNG.standard_normal((20, 2))
    values[:13, 1] = np.nan
    # a one-hot confound costs nothing where its volume is missing anyway
    basis = np.linalg.qr(np.column_stack([np.ones(20), np.eye(20)[3]]))[0]
    assert freedom_left(values, basis).tolist() == [18, 6]
    values[:, 0] = np.nan
    assert freedom_left(values, basis).tolist() == [0, 6]


def test_a_run_of_which_nothing_is_left_is_named_and_left_out() -> None:
    runs = [scrubbed(20), scrubbed(7), scrubbed(12)]
    with pytest.warns(DataWarning, match="run left out: run-7: 7 drift and confound columns") as w:
        assert runs_with_freedom(runs, Nuisance()) == [runs[0], runs[2]]
    assert len(w) == 1
    with pytest.raises(DataError, match="leave nothing of the 7 volumes that are kept of 20"):
        runs_with_freedom(runs[1:2], Nuisance())
