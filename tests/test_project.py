"""The storages of a project: where they are, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest
from archive.models import Document, Draft, Letter
from django.core.files.storage import InvalidStorageError, default_storage, storages
from django.utils.functional import SimpleLazyObject, empty

from inmemorystorage.project import labelled_fields, labelled_storages, unwrap


def labels_of(storage: Any) -> list[str]:
    """Return the names that a storage has."""
    return [label for label, known in labelled_storages() if known is storage]


def test_names_of_a_storage() -> None:
    """A storage is called by its alias, and by each field that has it."""
    one = Document._meta.get_field("one").storage
    assert labels_of(one) == ["archive.Document.one", "archive.Document.two"]
    private = storages["private"]
    assert labels_of(private)[0] == "private"


def test_fields_of_models_that_extend_others() -> None:
    """A field is called by the model that has it, and not by those that extend it."""
    labels = {label for label, _ in labelled_fields()}
    assert {"archive.Document.inherited", "archive.Letter.scan"} <= labels
    assert not {"archive.Letter.remote", "archive.Draft.remote"} & labels
    assert issubclass(Draft, Document) and issubclass(Letter, Document)


def test_default_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default storage is known once it is made."""
    assert "default" in labels_of(unwrap(default_storage))
    monkeypatch.setattr(default_storage, "_wrapped", empty)
    monkeypatch.setattr(storages, "_storages", {})
    assert "default" not in dict(labelled_storages())


def test_field_without_a_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field whose storage stands for an alias that there is not has none, and harms no other."""
    field = Document._meta.get_field("one")
    monkeypatch.setattr(field, "storage", SimpleLazyObject(lambda: storages["nowhere"]))
    with pytest.raises(InvalidStorageError):
        unwrap(field.storage)
    labels = dict(labelled_storages())
    assert "archive.Document.one" not in labels and "archive.Document.two" in labels
