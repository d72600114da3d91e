"""Thorough checks: what they find, and what they need."""

from __future__ import annotations

import io
import pickle
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY, MagicMock, call

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from inmemorystorage import InMemoryStorage
from inmemorystorage.conformance import (
    CHECKS,
    Capabilities,
    Examination,
    Result,
    Workspace,
    check_storage,
)
from inmemorystorage.conformance.examination import WIDTH
from inmemorystorage.conformance.processes import start_process, work
from inmemorystorage.conformance.thorough import save_all


class LosesTheEnd(InMemoryStorage):
    """A storage that loses the last byte of a long file."""

    def save(self, name: Any, content: Any, max_length: int | None = None) -> str:
        """Save all but the last byte of a long file."""
        if len(content) > 60_000:
            content = ContentFile(content.read()[:-1])
        return super().save(name, content, max_length)


class Listless(InMemoryStorage):
    """A storage whose delete() keeps files of one directory."""

    def delete(self, name: str) -> None:
        """Delete files of the other directories alone."""
        if "/d/" not in name:
            super().delete(name)


def thorough(storage: type[InMemoryStorage], name: str) -> Result:
    """Run one thorough check."""
    examination = Examination(storage, Capabilities(), thorough=True)
    return examination.result(next(each for each in CHECKS if each.name == name))


@pytest.mark.parametrize("storage", [LosesTheEnd, Listless])
def test_random_operations_find_a_rare_fault(storage: type[InMemoryStorage]) -> None:
    """The model finds a fault of long files, or of one directory, and shows the operations."""
    result = thorough(storage, "random_operations_match_a_model")
    assert result.outcome == "failed"
    assert "state.save(" in result.message
    assert max(map(len, result.message.splitlines())) <= WIDTH + 1


def test_a_storage_that_overwrites_matches_the_model(tmp_path: Any) -> None:
    """The model of a storage that overwrites replaces files."""
    report = check_storage(lambda: InMemoryStorage(allow_overwrite=True), thorough=True)
    assert report.ok, report
    assert report.capabilities["processes"] is False


def test_thorough_mode_needs_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thorough mode without Hypothesis raises an error that names the extra."""
    monkeypatch.setattr("inmemorystorage.conformance.examination.find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"dj-inmemorystorage\[conformance\]"):
        check_storage(InMemoryStorage, thorough=True)
    assert check_storage(InMemoryStorage).ok


def test_an_error_of_a_process_is_raised() -> None:
    """A call that fails in another process raises an error with its last line."""
    wait = start_process(InMemoryStorage(), "d", int, "not a number")
    with pytest.raises(ChildProcessError, match="another process failed: TypeError"):
        wait()


def test_an_interrupted_process_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C kills another process, which would save files after the check has cleaned up."""
    process = MagicMock(returncode=-9)
    process.communicate.side_effect = KeyboardInterrupt
    process.__exit__.return_value = False
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: process)
    with pytest.raises(KeyboardInterrupt):
        start_process(InMemoryStorage(), "d", int)()
    assert process.mock_calls[-2:] == [call.kill(), call.__exit__(ANY, ANY, ANY)]


@pytest.mark.parametrize("settings_module", ["settings", None])
def test_a_process_reads_its_call(
    monkeypatch: pytest.MonkeyPatch, settings_module: str | None
) -> None:
    """The function of another process reads a pickled call, and writes the pickled result."""
    pickled = pickle.dumps((InMemoryStorage(), "d", save_all, ("a", [b"content"])))
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pickled)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=output))
    if settings_module is None:
        monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    work()
    assert pickle.loads(output.getvalue()) == ["a"]


def test_a_workspace_has_no_capabilities() -> None:
    """A workspace that is made for one check has no capabilities; the model uses none."""
    check = next(each for each in CHECKS if each.name == "random_operations_match_a_model")
    check.run(Workspace(InMemoryStorage()))
