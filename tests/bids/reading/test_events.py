from pathlib import Path

import numpy as np
import pytest

from drmbids.bids.files.problems import ProblemError
from drmbids.bids.reading.events import read_events
from drmbids.data.tools.exceptions import DataError, DataWarning

HEADER = "onset\tduration\ttrial_type\n"
WIDE = "onset\tduration\ttrial_type\t{}\n1\t1\ta\t{}\n"


@pytest.fixture
def write(tmp_path: Path):
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "sub-01_task-x_events.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_reads_what_is_there(write, start: str, end: str) -> None:
    rows = [
        "onset\tduration\ttrial_type\tnote",
        "1.5\t2\tNothing\tn/a",
        "-1\t3\tnone\t",
        "5e0\t0\tb\t",
    ]
    events = read_events(write(start + end.join(rows) + end), duration=10)
    np.testing.assert_array_equal(events.onsets, [1.5, -1, 5])
    np.testing.assert_array_equal(events.durations, [2, 3, 0])
    assert events.conditions == ("Nothing", "none", "b")
    assert events.columns == ("Nothing", "b", "none")
    np.testing.assert_array_equal(events.amplitudes, 1)


@pytest.mark.parametrize("column", ["amplitude", "modulation", "weight", "loudness"])
@pytest.mark.filterwarnings(r"ignore:.*\[EV20\]:drmbids.bids.files.problems.ProblemWarning")
def test_no_column_acts_unless_it_is_asked_for(write, column: str) -> None:
    path = write(WIDE.format(column, "-0.5"))
    assert read_events(path).amplitudes.tolist() == [1.0]
    asked = read_events(path, modulators=[column])
    assert asked.columns == ("a", column)
    assert asked.amplitudes.tolist() == [1.0, -0.5]


def test_a_modulation_that_is_not_asked_for_is_named(write) -> None:
    path = write(WIDE.format("modulation", "2"))
    with pytest.warns(DataWarning, match=r"'modulation' is there, and is not used; .*--modulators"):
        read_events(path)
    read_events(path, modulators=["modulation"])


@pytest.mark.parametrize("blank", [" ", "  ", "\u00a0", "\u2003"])
def test_blanks_around_conditions_and_columns_are_taken_off(write, blank: str) -> None:
    header = f"onset{blank}\t{blank}duration\ttrial_type\n"
    path = write(f"{header}1\t1\tface{blank}\n3\t 1\tface\n5\t1\t{blank}face\n")
    with pytest.warns(DataWarning, match=r"lines 2, 4: trial_type 'face.*' is read without"):
        events = read_events(path, duration=80)
    assert events.columns == ("face",)
    assert events.durations.tolist() == [1, 1, 1]


def test_without_trial_type_all_events_are_one_condition(write) -> None:
    with pytest.warns(DataWarning, match="no column 'trial_type'; all 2 events"):
        events = read_events(write("onset\tduration\n1\t1\n4\t1\n"))
    assert events.columns == ("event",)


def test_header_only(write) -> None:
    with pytest.warns(DataWarning, match="no event"):
        assert read_events(write(HEADER), duration=10).columns == ()


FAULTS = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "comma separated": ("onset,duration,trial_type\n1,1,a\n", "no column 'onset'.*tabs"),
    "spaces": ("onset duration trial_type\n1 1 a\n", "no column 'onset'.*tabs"),
    "no duration": ("onset\ttrial_type\n1\ta\n", "no column 'duration'.*'onset', 'trial_type'"),
    "decimal comma": (HEADER + "1\t1\ta\n2,5\t1\ta\n", "line 3: onset '2,5'.*decimal point"),
    "text": (HEADER + "1\tlong\ta\n", "line 2: duration 'long' is not a finite number"),
    "infinite": (HEADER + "inf\t1\ta\n", "line 2: onset 'inf'"),
    "nan": (HEADER + "nan\t1\ta\n", "line 2: onset 'nan'"),
    "blank onset": (HEADER + "\t1\ta\n", "line 2: onset ''"),
    "n/a onset": (HEADER + "1\t1\ta\n\nn/a\t1\ta\n", "line 4: missing onset 'n/a'"),
    "n/a duration": (HEADER + "1\tn/a\ta\n", "line 2: missing duration 'n/a'"),
    "n/a condition": (HEADER + "1\t1\ta\n2\t1\tn/a\n", "line 3: missing trial_type 'n/a'"),
    "blank condition": (HEADER + "1\t1\t\n", "line 2: missing trial_type ''"),
    "blank and n/a condition": (HEADER + "1\t1\t n/a\n", "line 2: missing trial_type 'n/a'"),
    "negative": (HEADER + "1\t1\ta\n2\t-0.5\ta\n", "line 3: negative duration '-0.5'"),
    "all shifted": (HEADER + "0\t1\t1\ta\n1\t2\t1\ta\n", "lines 2, 3: 4 fields, but .* has 3"),
    "one shifted": (HEADER + "1\t1\ta\n2\t1\ta\tb\n", "line 3: 4 fields"),
    "short row": (HEADER + "1\t1\ta\n2\t1\n", "line 3: 2 fields"),
    "two columns but for a blank": (WIDE.format("onset ", "1"), "column 'onset' twice"),
    "two columns of a name": (WIDE.format("onset", "1"), "column 'onset' twice"),
    "repeated": (HEADER + "1\t1\ta\n3\t1\ta\n1.0\t1\ta\n", "line 4: repeats the event of line 2"),
    "utf-16": ((HEADER + "1\t1\ta\n").encode("utf-16"), "not UTF-8"),
    "latin-1": ((HEADER + "1\t1\tgrün\n").encode("latin-1"), "not UTF-8"),
    "nul": (HEADER + "1\t1\ta\0\n", "line 2: a NUL byte"),
    "open quote": (HEADER + '1\t1\t"a\n2\t1\tb\n', "unexpected end of data"),
    "milliseconds": (HEADER + "4000\t1\ta\n9000\t1\ta\n", "4000 s after the run's end 80 s.*milli"),
    "durations in milliseconds": (
        HEADER + "1\t500\ta\n20\t2\tb\n30\t900\ta\n",
        "lines 2, 4: duration 500 s in a run of 80 s, and so 2 of 3 events.*milli",
    ),
    "one duration in milliseconds": (HEADER + "1\t1\ta\n3\t900\tb\n", "line 3: duration 900"),
    "milliseconds from 0": (HEADER + "0\t1\ta\n9000\t1\ta\n", "line 3: onset 9000 s.*1 of 2.*mil"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_name_file_and_line(write, content: str | bytes, message: str) -> None:
    path = write(content)
    with pytest.raises(DataError, match=message) as caught:
        read_events(path, duration=80)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone_events.tsv: cannot be read"):
        read_events(tmp_path / "gone_events.tsv")


def test_events_of_a_condition_at_one_time_are_named(write) -> None:
    path = write(HEADER + "1\t1\ta\n1\t2\ta\n1\t2\tb\n")
    with pytest.warns(DataWarning, match=r"line 3: begins when .* \(a at 1 s\), and so 1 of 3"):
        assert len(read_events(path, duration=80).onsets) == 3


def test_an_event_may_go_on_after_the_run_or_begin_before_it(write) -> None:
    # as a block that was broken off, or one that began before the scanner
    assert len(read_events(write(HEADER + "70\t30\ta\n"), duration=80).onsets) == 1
    for row in ("0\t200\tfilm\n", "-60\t100\tfilm\n"):
        with pytest.warns(DataWarning, match=r"in a run of 80 s, .*\[EV18\]"):
            assert len(read_events(write(HEADER + row), duration=80).onsets) == 1


@pytest.mark.parametrize("last", [0, 60])
def test_onsets_in_seconds_are_not_taken_for_volumes(write, last: int) -> None:
    # 40 volumes of 2 s: whole seconds to the end of the run, or to its middle and not beyond 40
    rows = [f"{k}\t2\ta\n" for k in (4, 13, 22, 31 + last // 2)]
    if last:
        assert len(read_events(write(HEADER + "".join(rows)), 80, n_volumes=40).onsets) == 4
        return
    with pytest.warns(DataWarning, match=r"the last one is 31, and the run has 40 volumes in 80 s"):
        read_events(write(HEADER + "".join(rows)), 80, n_volumes=40)


def test_some_events_outside_the_run(write) -> None:
    path = write(HEADER + "1\t1\ta\n80\t1\ta\n-5\t5\ta\n-4\t6\ta\n")
    with (
        pytest.warns(DataWarning, match="line 3: 1 of 4 events lie after the run's end 80 s"),
        pytest.warns(DataWarning, match="line 4: 1 of 4 events lie before time 0"),
    ):
        assert len(read_events(path, duration=80).onsets) == 4


def test_all_faults_of_a_file_are_told_at_once(write) -> None:
    rows = ["x\t1\ta", "2\t-1\ta", "3\tn/a\ta", "4\t1\tn/a", "5\t-2\tb"]
    path = write(HEADER + "\n".join(rows) + "\n")
    with pytest.raises(
        ProblemError, match=r"line 2: onset 'x' .* \[TB04\] \(and 2 more\)"
    ) as caught:
        read_events(path, duration=80)
    assert [(p.code, p.where) for p in caught.value.problems] == [
        ("TB04", "line 2"),
        ("EV02", "line 4"),
        ("EV02", "line 5"),
    ]
    path = write(HEADER + "\n".join([*rows[1:2], rows[4]]) + "\n")
    with pytest.raises(ProblemError, match="lines 2, 3: negative duration '-1'"):
        read_events(path, duration=80)


@pytest.mark.real_data
def test_haxby_events(haxby: Path) -> None:
    name = "sub-01_task-objectviewing_acq-1slice_run-01_events.tsv"
    events = read_events(haxby / "sub-01" / "func" / name, duration=302.5)
    assert len(events.columns) == 8 and set(events.durations) == {24.0}
