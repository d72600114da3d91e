"""The ways to use the kit, each as a generated project that runs the same cases."""

from __future__ import annotations

from collections.abc import Callable

from projects import Project

MIXIN = "from inmemorystorage.testing import InMemoryStorageTestMixin as Base\n"
NO_MIXIN = "class Base:\n    pass\n"
RUNNER = 'TEST_RUNNER = "inmemorystorage.testing.InMemoryStorageRunner"\n'
# manage.py with the start method of multiprocessing as its first argument.
MANAGE = """
import multiprocessing, sys
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv.pop(1))
    execute_from_command_line()
"""

Way = Callable[[Project], str]


def by_django(bases: str, settings: str, start_method: str = "") -> Way:
    """Return a function that runs a project by ``manage.py test``, and returns the output."""

    def run(project: Project) -> str:
        project.write("project_bases.py", bases)
        project.append("project_settings.py", settings)
        if not start_method:
            return project.manage("test", "--shuffle=1")
        project.write("manage_parallel.py", MANAGE)
        return project.run("manage_parallel.py", start_method, "test", "--parallel=2")

    return run


def by_pytest(*options: str, ini: str = "", bases: str = NO_MIXIN) -> Way:
    """Return a function that runs a project by pytest, and returns the output."""

    def run(project: Project) -> str:
        project.write("project_bases.py", bases)
        project.write("pytest.ini", f"[pytest]\nfilterwarnings = error\n{ini}")
        return project.run("-m", "pytest", *options)

    return run


OVERRIDE = "inmemorystorage_override = true\ninmemorystorage_strict = true\n"
STRICT_RUNNER = """
from inmemorystorage.testing import InMemoryStorageRunner
class Runner(InMemoryStorageRunner):
    inmemorystorage_strict = True
"""

# Those of a project whose storages are in memory.
WAYS: dict[str, Way] = {
    "mixin": by_django(MIXIN, ""),
    "mixin-fork": by_django(MIXIN, "", "fork"),
    "runner": by_django(NO_MIXIN, RUNNER),
    "runner-fork": by_django(NO_MIXIN, RUNNER, "fork"),
    "runner-spawn": by_django(NO_MIXIN, RUNNER, "spawn"),
    "pytest": by_pytest("-p", "no:randomly"),
    "pytest-mixin": by_pytest(bases=MIXIN),
    "pytest-randomly": by_pytest("-p", "randomly"),
    "pytest-xdist": by_pytest("-n", "2"),
    "pytest-reuse-db": by_pytest("--reuse-db"),
}
# Those that replace storages which are not.
OVERRIDING: dict[str, Way] = {
    "runner": by_django(NO_MIXIN, RUNNER),
    "runner-fork": by_django(NO_MIXIN, RUNNER, "fork"),
    "runner-spawn": by_django(NO_MIXIN, RUNNER, "spawn"),
    "own-runner": by_django(NO_MIXIN, 'TEST_RUNNER = "project_runner.Runner"\n'),
    "pytest": by_pytest(ini=OVERRIDE),
    "pytest-xdist": by_pytest("-n", "2", ini=OVERRIDE),
}


def is_parallel(name: str) -> bool:
    """Return whether a way is Django's ``--parallel``."""
    return name.endswith(("-fork", "-spawn"))
