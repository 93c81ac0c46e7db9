"""Arguments: both spellings, labels with or without prefix, and help that loads nothing heavy."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import drmbids
from drmbids.app.cli.bids_app import bids_app_parser
from drmbids.app.cli.commands import COMMANDS, CONFIGURATION
from drmbids.app.cli.foreign import Elsewhere, Nothing
from drmbids.app.cli.main import main, parse

BASE = ["ds", "out", "participant"]


def parsed(*options: str) -> dict:
    """Return what the options leave, without the positionals."""
    level, arguments = parse([*BASE, *options])
    assert level == "participant"
    return {k: v for k, v in arguments.items() if k not in ("bids_dir", "out_dir", "level")}


def long_options() -> list[str]:
    """Return every long option of the BIDS-App parser with a hyphen inside."""
    actions = [a for a in bids_app_parser()._actions if not isinstance(a, Nothing | Elsewhere)]
    return sorted(o for a in actions for o in a.option_strings if "-" in o.removeprefix("--"))


def test_options_not_given_leave_no_trace() -> None:
    assert parsed() == {}


def test_no_permutation_may_be_asked_for() -> None:
    assert parsed("--n-permutations", "0") == {"n_permutations": 0}


@pytest.mark.parametrize("option", [o for o in long_options() if o.startswith("--")])
def test_every_option_is_understood_with_underscores(option: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("{}")
    values = {"--bids-filter-file": [str(tmp_path / "f.json")], "--baseline-hrf": ["spm"]}
    values["--output-layout"] = ["multiverse"]
    values["--file-format"] = ["gifti"]
    action = next(a for a in bids_app_parser()._actions if option in a.option_strings)
    given = values.get(option, [] if action.nargs == 0 else ["1"])
    spelled = "--" + option.removeprefix("--").replace("-", "_")
    assert parsed(spelled, *given) == parsed(option, *given) != {}


def test_an_underscore_in_a_value_stays() -> None:
    assert parsed("--config_file=my_file.toml") == {"config_file": "my_file.toml"}
    assert parsed("--confounds", "trans_x", "rot_*") == {"confounds": ["trans_x", "rot_*"]}


def test_labels_come_with_or_without_prefix() -> None:
    given = ("--participant-label", "sub-01", "02", "--session-label", "ses-a", "-r", "run-1")
    more = ("-t", "task-look", "--acq", "acq-hi", "--space", "space-T1w", "--desc", "preproc")
    assert parsed(*given, *more) == {
        "participant_label": ["01", "02"],
        "session_label": ["a"],
        "run_id": ["1"],
        "task_id": ["look"],
        "acquisition": ["hi"],
        "space": "T1w",
        "desc": "preproc",
    }


def test_synonyms_mean_the_same() -> None:
    assert parsed("--task", "a") == parsed("--task-id", "a") == parsed("-t", "a")
    assert parsed("--acquisition", "a") == parsed("--acq", "a")


def test_paths_are_named_or_take_their_name_from_the_file() -> None:
    masks = ("vt=a.nii.gz", "sub-01_desc-gray_mask.nii.gz", "lh.nii")
    assert parsed("--mask", *masks)["mask"] == {
        "vt": Path("a.nii.gz"),
        "gray": Path("sub-01_desc-gray_mask.nii.gz"),
        "lh": Path("lh.nii"),
    }
    assert parsed("-d", "prep=p", "-d", "x/prep-23.1")["derivatives"] == {
        "prep": Path("p"),
        "prep231": Path("x/prep-23.1"),
    }


def test_a_filter_file_may_hold_queries_or_one(tmp_path: Path) -> None:
    path = tmp_path / "filter.json"
    for content in ({"bold": {"echo": "1", "space": None}}, {"echo": "1", "space": None}):
        path.write_text(json.dumps(content))
        found = parsed("--bids-filter-file", str(path))
        assert found == {"filters": {"echo": "1", "space": "Query.NONE"}}


@pytest.mark.parametrize("content", ['["bold"]', '{"bold": "1"}', "{bold}"])
def test_a_filter_file_of_another_form(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "filter.json"
    path.write_text(content)
    with pytest.raises(SystemExit) as end:
        parsed("--bids-filter-file", str(path))
    assert end.value.code == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--participant-label", "0/1"], "no BIDS label"),
        (["--n-epochs", "0"], "whole number, above 0"),
        (["--tr", "nan"], "needs a number"),
        (["--cv", "fold"], "invalid choice"),
        (["--mask", "=x"], "name=path"),
        (["--mask", "a=x", "a=y"], "two paths are named 'a'"),
        (["--bids-filter-file", "nowhere.json"], "No such file"),
        (["--participant", "01"], "unrecognized arguments"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_wrong_arguments_are_usage_errors(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*BASE, *options])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_an_option_error_is_one_line_with_what_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main([*BASE, "--n-epoch", "3"])
    err = capsys.readouterr().err
    assert err == (
        "drmbids: error: unrecognized arguments: --n-epoch 3; did you mean --n-epochs? "
        "(see drmbids --help)\n"
    )


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (["ds", "out", "particpant"], "participant"),
        ([*BASE, "--cv", "rnu"], "run"),
        ([*BASE, "--baselines", "freehfr"], "freehrf"),
        (["modle", "show", "x"], "model"),
        (["model", "sho", "x"], "show"),
        (["check", "ds", "--taks", "x"], "--task"),
    ],
)
def test_errors_say_what_was_probably_meant(
    line: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(line)
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1 and f"; did you mean {meant}?" in err


def test_options_of_other_bids_apps_work_or_answer(capsys: pytest.CaptureFixture[str]) -> None:
    plain = parsed()
    assert parsed("--skip_bids_validator", "--notrack") == plain
    assert parsed("--bids_database_dir", "x", "--fs-license-file", "y") == plain
    both = parsed("--nthreads", "4", "--omp-nthreads", "2", "--mem", "8000")
    assert both == plain | {"n_cpus": 4, "n_threads": 2, "mem_mb": 8000}
    assert parsed("--mem_mb", "16GB")["mem_mb"] == 16000
    assert parsed("--baselines", "glm", "ridge")["baselines"] == ["glm", "ridge"]
    for option, answer in (
        (["--dry-run"], "run `drmbids check`"),
        (["--dummy-scans", "4"], "non_steady_state_outlier"),
        (["--high-pass", "0.008"], "high_pass_hz"),
        (["--use-plugin", "x"], "drmbids cluster --help"),
    ):
        with pytest.raises(SystemExit) as end:
            parsed(*option)
        err = capsys.readouterr().err
        assert end.value.code == 2 and answer in err and err.count("\n") == 1


def test_demo_and_simulate_are_commands() -> None:
    assert parse(["demo"]) == ("demo", {"out_dir": None, "debug": False})
    assert parse(["demo", "here", "-q", "--n-epochs", "2"]) == (
        "demo",
        {"out_dir": Path("here"), "debug": False, "n_epochs": 2, "verbosity": -1},
    )
    command, arguments = parse(["simulate", "m.yaml", "out", "--n_runs", "3", "--tr", "1.5"])
    assert command == "simulate"
    assert arguments["model"] == Path("m.yaml")
    assert (arguments["out_dir"], arguments["n_runs"], arguments["tr"]) == (Path("out"), 3, 1.5)


def test_a_dataset_named_like_a_command_is_reached_by_its_path() -> None:
    assert parse(["./demo", "out", "participant"])[0] == "participant"


def test_commands_of_the_parsers_are_registered() -> None:
    model = [["model", "new", "a.yaml"], ["model", "show", "a"], ["model", "validate", "a"]]
    lines = [
        BASE,
        ["ds", "out", "group"],
        ["demo"],
        ["simulate", "m", "o"],
        ["model", "schema"],
        ["check", "ds"],
        ["cluster", "ds", "out", "script"],
        ["descriptor"],
    ]
    assert {parse(line)[0] for line in [*lines, *model]} == set(COMMANDS)
    assert list(CONFIGURATION) == ["resolve"]


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["model", "--help"], ["check", "-h"]])
def test_help_and_version_load_nothing_heavy(argv: list[str]) -> None:
    heavy = ["torch", "nilearn", "nibabel", "bids", "sklearn", "pandas", "numpy", "pydantic"]
    code = (
        "import sys, contextlib\n"
        "from drmbids.app.cli.main import main\n"
        f"with contextlib.suppress(SystemExit): main({argv})\n"
        f"print('loaded:', *[m for m in {heavy} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"
    assert len(done.stdout.splitlines()) > 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert not end.value.code
    assert capsys.readouterr().out == f"drmbids {drmbids.__version__}\n"


def test_tools_take_what_their_parsers_give() -> None:
    lines = {
        "demo": ["demo", "out", "--n-epochs", "1", "-v"],
        "simulate": [
            *["simulate", "m.yaml", "out", "--n-participants", "1", "--n-runs", "2"],
            *["--n-volumes", "9", "--n-voxels", "3", "--tr", "1", "--noise", "0", "--snr", "1"],
            *["--random-seed", "1"],
        ],
    }
    for name, line in lines.items():
        command, arguments = parse(line)
        arguments.pop("debug")
        inspect.signature(COMMANDS[command]).bind(**arguments)
        assert command == name
