"""inline-snapshot and syrupy write and compare what the recipe for snapshots shows."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from projects import Project
from recipes import SETTINGS, make_recipe

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.skipif(
        not all(map(find_spec, ["inline_snapshot", "syrupy", "storages"])),
        reason="inline-snapshot, syrupy or django-storages is not installed",
    ),
]

PAGE, INLINE, SYRUPY, BUCKET = "snapshots.md", "inline-snapshot", "syrupy", "Requests to a bucket"
PLUGINS = ("-p", "no:cacheprovider", "-p", "inline_snapshot", "-p", "syrupy")
PYTEST = ("-m", "pytest", "--no-migrations", *PLUGINS)
MEMORY = """
STORAGES = {
    "default": {"BACKEND": "inmemorystorage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
"""


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let inline-snapshot write: it does not where it finds a worker of pytest-xdist."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def code_of(project: Project, name: str) -> str:
    """Return the code of a module without its imports, which the tools add in any order."""
    module = ast.parse((project.directory / name).read_text("utf-8"))
    return ast.unparse([each for each in module.body if isinstance(each, ast.FunctionDef)])


def without_snapshots(project: Project, name: str) -> None:
    """Replace each snapshot in a module by an empty one, and drop the imports that it needs."""
    path = project.directory / name
    text = re.sub(
        r"snapshot\((?!\)).*?\)$(?=\n\n|\n    assert|\n?\Z)",
        "snapshot()",
        path.read_text("utf-8"),
        flags=re.S | re.M,
    )
    path.write_text(re.sub(r"\b(Operation|StorageRequest), ", "", text), "utf-8")


def stop_deleting(project: Project) -> None:
    """Change the code under test: it no longer deletes the old cover."""
    path = project.directory / "uploads" / "models.py"
    path.write_text(re.sub(r"\n.*delete\(old\)", "", path.read_text("utf-8")), "utf-8")


@pytest.mark.parametrize("storage", ["disk", "memory", "bucket"])
def test_inline_snapshots_are_created(storage: str, tmp_path: Path) -> None:
    """inline-snapshot writes the page's snapshots, the same ones on each storage."""
    headings = [INLINE, BUCKET] if storage == "bucket" else [INLINE]
    project = make_recipe(tmp_path, PAGE, *headings)
    if storage == "memory":
        project.append(SETTINGS, MEMORY)
    names = [path.name for path in sorted(tmp_path.glob("test_*.py"))]
    expected = [code_of(project, name) for name in names]
    for name in names:
        without_snapshots(project, name)
    assert [code_of(project, name) for name in names] != expected
    project.run(*PYTEST, "--inline-snapshot=create", fails=True)  # it has nothing to compare with
    assert [code_of(project, name) for name in names] == expected
    if storage == "bucket":
        project.run(*PYTEST)  # with the imports that it added


def test_inline_snapshots_are_fixed(tmp_path: Path) -> None:
    """A change of the code fails with the operation that differs, until the snapshot is fixed."""
    project = make_recipe(tmp_path, PAGE, INLINE)
    stop_deleting(project)
    printed = project.run(*PYTEST, fails=True)
    assert re.search(
        r"At index 1 diff: Operation\('open', 'covers/cover_\w+.png'\) != "
        r"Operation\('delete', 'covers/cover.png'\)",
        printed,
    )
    project.run(*PYTEST, "--inline-snapshot=fix", fails=True)
    assert "delete" not in code_of(project, "test_inline.py")
    project.run(*PYTEST)


def test_syrupy(tmp_path: Path) -> None:
    """syrupy writes the page's file again, compares in workers, and shows what differs."""
    project = make_recipe(tmp_path, PAGE, SYRUPY)
    project.run(*PYTEST, "-n", "2")
    stored = tmp_path / "__snapshots__" / "test_syrupy.ambr"
    expected = stored.read_text("utf-8")
    stored.unlink()
    project.run(*PYTEST, "--snapshot-update")
    assert stored.read_text("utf-8") == expected
    stop_deleting(project)
    printed = project.run(*PYTEST, "-vv", fails=True)
    assert re.search(r"- +op='delete',", printed)
