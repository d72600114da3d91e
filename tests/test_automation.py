"""The files for a repository's host agree with setup.cfg and tox.ini."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from test_packaging import classified, versions_tested

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [
    *(ROOT / ".pre-commit-config.yaml", ROOT / ".readthedocs.yaml"),
    *(ROOT / ".github" / "dependabot.yml", *WORKFLOWS),
]


def load(path: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def hooks() -> dict[str, dict[str, Any]]:
    """Return each repository of .pre-commit-config.yaml by the last part of its URL."""
    configuration = load(ROOT / ".pre-commit-config.yaml")
    return {repo["repo"].rpartition("/")[2]: repo for repo in configuration["repos"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_a_mapping(path: Path) -> None:
    """Each file is YAML with a mapping at its top."""
    assert isinstance(load(path), dict)


def test_gate_runs_on_each_supported_python() -> None:
    """The workflow's matrix has the Pythons of tox and of the classifiers."""
    [gate] = (load(path) for path in WORKFLOWS if path.stem == "gate")
    pythons = gate["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert set(pythons) == versions_tested(r"py(\d)(\d+)-django")
    assert set(pythons) == classified("Programming Language :: Python")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path: Path) -> None:
    """Each foreign action is pinned to a commit, with its version in a comment."""
    actions = re.findall(r"uses: (?!\./)(.*)", path.read_text(encoding="utf-8"))
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_only_the_publishing_job_gets_a_token() -> None:
    """Only the job that publishes may identify itself to the index."""
    [release] = (load(path) for path in WORKFLOWS if path.stem == "release")
    assert release["permissions"] == {"contents": "read"}
    jobs = {name for name, job in release["jobs"].items() if "permissions" in job}
    assert jobs == {"publish"}
    assert release["jobs"]["publish"]["permissions"] == {"id-token": "write"}


def test_pre_commit_has_the_ruff_of_the_gate() -> None:
    """pre-commit and tox have the same series of ruff."""
    [series] = set(re.findall(r"ruff~=(\d+\.\d+)", read_tools()))
    assert hooks()["ruff-pre-commit"]["rev"].startswith(f"v{series}.")


def test_pre_commit_has_the_typos_of_the_gate() -> None:
    """pre-commit and tox have the same series of typos."""
    [series] = set(re.findall(r"typos~=(\d+\.\d+)", read_tools()))
    assert hooks()["typos"]["rev"].startswith(f"v{series}.")


def test_django_upgrade_targets_the_oldest_django() -> None:
    """django-upgrade targets the oldest supported Django."""
    oldest = min(classified("Framework :: Django"), key=lambda each: float(each))
    [hook] = hooks()["django-upgrade"]["hooks"]
    assert hook["args"] == ["--target-version", oldest]


def read_tools() -> str:
    """Return the files with the versions of the gate's tools."""
    return "".join((ROOT / name).read_text("utf-8") for name in ("pyproject.toml", "tox.ini"))
