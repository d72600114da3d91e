"""The hooks of a FallbackStorage's subclass, which choose names as Django's documentation says."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.storage import InMemoryStorage as DjangoInMemoryStorage
from django.db.models import FileField
from fallback.layers import get, put, refuse, stocked
from uploads.models import Upload

from inmemorystorage import FallbackStorage, InMemoryStorage

KINDS = {
    "disk": FileSystemStorage,
    "memory": lambda _: InMemoryStorage(),
    "overwriting": lambda _: InMemoryStorage(allow_overwrite=True),
    "Django's memory": lambda _: DjangoInMemoryStorage(),
}


@pytest.fixture(params=KINDS)
def upper(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """Return each kind of upper layer in turn, with a file."""
    made = KINDS[request.param](tmp_path)
    put(made, "upper.txt")
    return made


class OwnNames(FallbackStorage):
    """A storage that replaces spaces in its own way."""

    def get_valid_name(self, name: str) -> str:
        """Return the name with tildes in place of its spaces."""
        return name.replace(" ", "~")


def test_get_valid_name(upper: Any) -> None:
    """generate_filename() and a FileField ask the subclass for a valid name."""
    storage = OwnNames([upper, stocked("lower.txt")])
    assert storage.generate_filename("d/a b.txt") == "d/a~b.txt"
    field = FileField(storage=storage, upload_to="d")
    assert field.generate_filename(Upload(), "a b.txt") == "d/a~b.txt"
    plain = FallbackStorage([upper])
    assert plain.generate_filename("d/a b.txt") == upper.generate_filename("d/a b.txt")


class Numbering(FallbackStorage):
    """A storage that numbers its alternatives."""

    number = 1

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return the name with the next number."""
        self.number += 1
        return f"{file_root}-{self.number}{file_ext}"


def overwrites(upper: Any) -> bool:
    """Return whether the storage overwrites files."""
    return bool(getattr(upper, "_allow_overwrite", False))


@pytest.mark.parametrize("name", ["upper.txt", "lower.txt"])
def test_get_alternative_name(upper: Any, name: str) -> None:
    """save() asks the subclass for another name when any layer has the file."""
    storage = Numbering([upper, stocked("lower.txt", "lower-2.txt")])
    expected = {"upper.txt": "upper-2.txt", "lower.txt": "lower-3.txt"}[name]
    assert put(storage, name, b"new") == (name if overwrites(upper) else expected)
    assert put(storage, "free.txt") == "free.txt"
    with pytest.raises(SuspiciousFileOperation):
        storage.get_available_name("longer.txt", max_length=3)


def test_an_alternative_that_repeats() -> None:
    """A subclass that repeats its alternative is not asked for ever."""
    storage = FallbackStorage([InMemoryStorage(), stocked("a.txt", "b.txt")])
    storage.get_alternative_name = lambda root, ext: f"b{ext}"  # type: ignore[method-assign]
    assert put(storage, "a.txt") not in ("a.txt", "b.txt")


def test_an_alternative_during_an_outage() -> None:
    """save() asks the subclass for another name if a layer cannot tell whether it has the file."""
    lower = stocked("a.txt")
    lower.exists = refuse
    assert put(Numbering([InMemoryStorage(), lower]), "a.txt") == "a-2.txt"


class Choosing(FallbackStorage):
    """A storage that says itself which names are available."""

    asked: Any = ()

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Return whether the name is not a draft's."""
        self.asked = [*self.asked, (name, max_length)]
        return "draft" not in name

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return a name that is no draft's."""
        return f"{file_root.replace('draft', 'final')}{file_ext}"


def test_is_name_available(upper: Any) -> None:
    """get_available_name() asks the subclass which names are available."""
    storage = Choosing([upper, stocked("lower.txt")])
    assert storage.get_available_name("draft.txt", max_length=90) == "final.txt"
    assert storage.asked == [("draft.txt", 90), ("final.txt", 90)]
    assert storage.get_available_name("lower.txt") == "lower.txt"
    assert storage.save("draft.txt", ContentFile(b"new")) == "final.txt"
    assert get(storage, "final.txt") == b"new"


class Blind(FallbackStorage):
    """A storage that overwrites, in the way of projects before ``allow_overwrite``."""

    def exists(self, name: str) -> bool:
        """Return false."""
        return False


def test_exists(upper: Any) -> None:
    """get_available_name() asks the subclass whether a name exists."""
    storage = Blind([upper, stocked("lower.txt")])
    for name in ("upper.txt", "lower.txt"):
        assert storage.get_available_name(name) == name
