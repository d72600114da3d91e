"""The storages of a project, each with its label."""

from __future__ import annotations

from typing import Any

import pytest
from archive.models import Document, Draft, Letter
from django.core.files.storage import InvalidStorageError, default_storage, storages
from django.utils.functional import SimpleLazyObject, empty

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.project import (
    labelled_fields,
    labelled_layers,
    labelled_storages,
    make_field_storages,
    unwrap,
)


def labels_of(storage: Any) -> list[str]:
    """Return the labels of a storage."""
    return [label for label, known in labelled_storages() if known is storage]


def test_labels_are_aliases_and_fields() -> None:
    """A storage has its alias and each field that uses it as labels."""
    one = Document._meta.get_field("one").storage
    assert labels_of(one) == ["archive.Document.one", "archive.Document.two"]
    private = storages["private"]
    assert labels_of(private)[0] == "private"


def test_inherited_field_has_one_label() -> None:
    """A field has the model that defines it in its label, and no model that inherits it."""
    labels = {label for label, _ in labelled_fields()}
    assert {"archive.Document.inherited", "archive.Letter.scan"} <= labels
    assert not {"archive.Letter.remote", "archive.Draft.remote"} & labels
    assert issubclass(Draft, Document) and issubclass(Letter, Document)


def test_default_storage_is_labelled_when_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default storage has a label once it is made."""
    assert "default" in labels_of(unwrap(default_storage))
    monkeypatch.setattr(default_storage, "_wrapped", empty)
    monkeypatch.setattr(storages, "_storages", {})
    assert "default" not in dict(labelled_storages())


def test_lazy_storages_are_labelled_when_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lazy storage of a field has a label once it is made, also if it is lazy twice."""
    storage = InMemoryStorage()
    lazy = SimpleLazyObject(lambda: SimpleLazyObject(lambda: storage))
    monkeypatch.setattr(Document._meta.get_field("one"), "storage", lazy)
    assert labels_of(storage) == [] and lazy._wrapped is empty
    make_field_storages()
    assert labels_of(storage) == ["archive.Document.one"] and unwrap(lazy) is storage


def test_field_with_an_unknown_alias_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field whose alias is not in STORAGES is skipped."""
    field = Document._meta.get_field("one")
    monkeypatch.setattr(field, "storage", SimpleLazyObject(lambda: storages["nowhere"]))
    with pytest.raises(InvalidStorageError):
        unwrap(field.storage)
    make_field_storages()
    labels = dict(labelled_storages())
    assert "archive.Document.one" not in labels and "archive.Document.two" in labels


def test_layers_of_a_fallback_storage_are_labelled() -> None:
    """Each layer that a FallbackStorage writes to has a label with its position."""
    upper, lower = InMemoryStorage(), InMemoryStorage()
    storage = FallbackStorage(backends=[upper, lower])
    assert dict(labelled_layers("default", storage)) == {"default.backends[0]": upper}
    assert dict(labelled_layers("default", upper)) == {}
