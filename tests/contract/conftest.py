"""What every test of the contract has: a storage, and what that storage can do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contract.storages import SUBJECTS, Capabilities, Subject
from django.core.files.storage import Storage


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.label)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each storage that the contract is run on, in turn."""
    return request.param


@pytest.fixture
def can(subject: Subject) -> Capabilities:
    """What the storage can do."""
    return subject.can


@pytest.fixture
def make_storage(subject: Subject, tmp_path: Path) -> Callable[..., Storage]:
    """Make a storage with options, in a directory of the test's own that is there."""
    directory = tmp_path / "media"
    directory.mkdir()
    return subject.factory(directory)


@pytest.fixture
def storage(make_storage: Callable[..., Storage]) -> Storage:
    """Return an empty storage."""
    return make_storage(base_url="/media/")
