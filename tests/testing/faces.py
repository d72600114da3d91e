"""
The runner and the plugin on a generated project: without the package's one line, and with it.

A suite is made of modules of ``scenarios/``, whose tests are written as in any Django project.
"""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from projects import Project

SCENARIOS = Path(__file__).with_name("scenarios")
# The ways to run a suite. Installed and unused, the plugin must be as if it were absent.
ABSENT, UNUSED, LINE = "absent", "unused", "line"
# Coverage would make runs without the line half as long again.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
# What a run of tests may leave in a project's directory.
_LEFT = re.compile(r"__pycache__|\.(pytest_cache|hypothesis|git|coverage.*)|.*\.sqlite3.*")


@dataclass(frozen=True)
class Suite:
    """
    A project and its tests.

    :param modules: modules of ``scenarios/`` whose tests pass in each way.
    :param rolling: those whose tests need files that roll back, and so the line.
    :param settings: lines that are appended to the project's settings.
    :param files: texts of further files, or bytes, by their names in the project.
    :param tracked: the files that git tracks; without any the project is no checkout.
    """

    modules: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    settings: str = ""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    tracked: tuple[str, ...] = ()

    def make(self, directory: Path, way: str) -> Project:
        """Write the project, with the tests for one way to run them, into a new directory."""
        _copy(SCENARIOS / "project", directory)
        project = Project(directory)
        project.append("project_settings.py", self.settings)
        for module in self.modules + (self.rolling if way == LINE else ()):
            source = SCENARIOS / f"{module}.py"
            project.write(f"test_{module}.py", source.read_text("utf-8"))
        for name, content in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = textwrap.dedent(content) if isinstance(content, str) else content
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        if self.tracked:
            _git(directory, "init", "--quiet")
            _git(directory, "add", "--", *self.tracked)
        return project


@dataclass(frozen=True)
class Face:
    """
    One face of the kit.

    :param file: the file that has the line.
    :param lines: what is appended to that file, by the way to run a suite.
    :param command: the arguments of Python that run the tests.
    """

    name: str
    file: str
    lines: Mapping[str, str]
    command: tuple[str, ...]

    def run(
        self, project: Project, way: str, *arguments: str, fails: bool = False, **options: str
    ) -> Outcome:
        """
        Run the tests of a project.

        :param options: options of the kit, without the prefix of their names.
        """
        self.configure(project, way, **options)
        return self.again(project, *arguments, fails=fails)

    def configure(self, project: Project, way: str, **options: str) -> None:
        """Write the line and its options into a project."""
        project.append(self.file, self.lines[way])
        if way == LINE and options:
            named = {f"inmemorystorage_{name}": value for name, value in options.items()}
            self._write_options(project, named)

    def again(self, project: Project, *arguments: str, fails: bool = False) -> Outcome:
        """Run the tests of a project in the way in which they ran before."""
        return Outcome(project.run(*self.command, *arguments, fails=fails))

    def by(self, *command: str) -> Face:
        """Return a face that runs tests by another command."""
        return replace(self, command=command)

    def _write_options(self, project: Project, options: Mapping[str, str]) -> None:
        if self.file == PLUGIN.file:
            project.append(self.file, "".join(f"{key} = {options[key]}\n" for key in options))
            return
        body = "".join(f"    {key} = {options[key]!r}\n" for key in options)
        project.write(
            "project_runner.py",
            "from inmemorystorage.testing import InMemoryStorageRunner\n"
            f"class Runner(InMemoryStorageRunner):\n{body}",
        )
        project.append(self.file, 'TEST_RUNNER = "project_runner.Runner"\n')

    def passes_alike(
        self,
        suite: Suite,
        directory: Path,
        *arguments: str,
        ways: tuple[str, ...] = (ABSENT, LINE),
        times: int = 1,
        writes: tuple[str, ...] = (),
    ) -> dict[str, Outcome]:
        """
        Assert that a suite passes without the line and with it, and that the line writes nothing.

        :param times: how often the tests run in one project.
        :param writes: what the project itself writes while it is set up.
        """
        outcomes = {}
        for way in ways:
            if way in self.lines:
                project = suite.make(directory / way, way)
                if way != LINE:
                    project = replace(project, environment=UNMEASURED)
                self.configure(project, way)
                before = files_of(project.directory)
                outcomes[way] = self.again(project, *arguments)
                for _ in range(1, times):
                    assert self.again(project, *arguments).count == outcomes[way].count
                after = files_of(project.directory)
                changed = {name for name, file in after.items() if before.get(name) != file}
                assert way != LINE or changed | before.keys() - after.keys() == {*writes}
        assert 0 < outcomes[ABSENT].count <= outcomes[LINE].count
        return outcomes


@dataclass(frozen=True)
class Outcome:
    """What a run of tests printed."""

    printed: str

    @property
    def count(self) -> int:
        """Return how many tests passed."""
        counted = re.findall(r"Ran (\d+) test|(\d+) passed", self.printed)
        return sum(int(number) for numbers in counted for number in numbers if number)

    @property
    def without_times(self) -> str:
        """Return what was printed, without how long it took."""
        return re.sub(r"\d+\.\d+s", "", self.printed)


RUNNER = Face(
    "runner",
    "project_settings.py",
    {ABSENT: "", LINE: 'TEST_RUNNER = "inmemorystorage.testing.InMemoryStorageRunner"\n'},
    ("-m", "django", "test"),
)
PLUGIN = Face(
    "plugin",
    "pytest.ini",
    {
        ABSENT: "addopts = -p no:inmemorystorage\n",
        UNUSED: "",
        LINE: "inmemorystorage_override = true\n",
    },
    ("-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "--quiet", "-rfE"),
)
FACES = {face.name: face for face in (RUNNER, PLUGIN)}


def files_of(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return the modes, times and contents of the files in a project; of directories no times."""
    found = {}
    for path, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not _LEFT.fullmatch(name)]
        for name in (*directories, *(name for name in files if not _LEFT.fullmatch(name))):
            each = Path(path, name)
            status = each.lstat()
            content = each.read_bytes() if name in files else b""
            time = status.st_mtime_ns if name in files or _is_media(each) else 0
            found[str(each.relative_to(directory))] = (status.st_mode, time, content)
    return found


def _is_media(path: Path) -> bool:
    """Return whether no module is in a directory, so that only a test changes its time."""
    return "media" in path.parts


def _copy(source: Path, directory: Path) -> None:
    for path in sorted(source.rglob("*.*")):
        if "__pycache__" not in path.parts:
            copy = directory / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


def _git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)
