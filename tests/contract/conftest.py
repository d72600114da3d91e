"""Fixtures of the contract: a storage, and its capabilities."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contract.pairs import PAIRS
from contract.storages import SUBJECTS, Place, Subject, Traits
from django.core.files.storage import Storage


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `needs`."""
    config.addinivalue_line("markers", "needs(capability): skip storages that lack it")


@pytest.fixture(
    params=[pytest.param(each, marks=each.marks, id=each.label) for each in [*SUBJECTS, *PAIRS]],
)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Return each storage that the contract runs on, in turn."""
    for capability in [name for mark in request.node.iter_markers("needs") for name in mark.args]:
        if not getattr(request.param.can, capability):
            pytest.skip(f"{request.param.label}: not {capability}")
    return request.param


@pytest.fixture
def can(subject: Subject) -> Traits:
    """Return the capabilities of the storage."""
    return subject.can


@pytest.fixture
def make_storage(
    subject: Subject, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Storage]:
    """Return a function that makes storages in a directory, bucket or store of this test."""
    directory = tmp_path / "media"
    directory.mkdir()
    return subject.factory(
        Place(
            directory,
            lambda: request.getfixturevalue("server").make_bucket(),
            lambda name: request.getfixturevalue("store_uri")(name),
        )
    )


@pytest.fixture
def storage(make_storage: Callable[..., Storage]) -> Storage:
    """Return an empty storage."""
    return make_storage(base_url="/media/")
