"""Models, forms and uploads keep their files in a storage."""

from __future__ import annotations

import copy
import io
import os
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from contract.helpers import get, names
from django.core import serializers
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.images import ImageFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.forms import modelform_factory
from django.http import FileResponse
from django.utils import timezone
from overrides import use_storage
from PIL import Image
from uploads.models import Upload

from inmemorystorage import InMemoryStorage

pytestmark = pytest.mark.django_db
ROWS = [
    {},
    {"behaves_like": "filesystem"},
    {"behaves_like": "filesystem", "lend_paths": True},
]
Make = Callable[..., Upload]


@pytest.fixture(params=ROWS, ids=["memory", "filesystem", "lend_paths"], autouse=True)
def _empty_storage(request: pytest.FixtureRequest, settings, tmp_path) -> None:
    """Run each test on each kind of default storage, empty."""
    options = {"location": tmp_path, **request.param}
    use_storage(settings, "default", "inmemorystorage.InMemoryStorage", **options)


def picture(width: int, height: int, name: str = "p.png") -> ImageFile:
    """Return an unsaved picture."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return ImageFile(io.BytesIO(stream.getvalue()), name=name)


def upload(name: str, content: bytes, temporary: bool = False) -> SimpleUploadedFile | File:
    """Return an upload as Django's handlers create it, in memory or in a temporary file."""
    if not temporary:
        return SimpleUploadedFile(name, content)
    file = TemporaryUploadedFile(name, "text/plain", len(content), None)
    file.write(content)
    file.seek(0)
    return file


def submit(data: dict[str, Any] | None = None, *, to: Upload | None = None, **files: Any) -> Upload:
    """Submit a form for an upload; return the saved object."""
    form = modelform_factory(Upload, fields=["file", "picture"])(data or {}, files, instance=to)
    assert form.is_valid(), form.errors
    return form.save()


def test_file_of_a_model() -> None:
    """A model saves its file below `upload_to`, and reads it after loading."""
    Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    file = Upload.objects.get().file
    year = timezone.now().year
    assert (file.name, file.url) == (f"files/{year}/a.txt", f"/media/files/{year}/a.txt")
    assert (file.size, bool(file), file.storage.exists(file.name)) == (7, True, True)
    with file.open() as handle:
        assert handle.read() == b"content"


def test_path_of_a_file() -> None:
    """A file has a path if its storage has paths; otherwise the error says how to get one."""
    file = Upload.objects.create(file=ContentFile(b"content", name="a.txt")).file
    if default_storage.behavior.has_paths:
        assert file.path == os.path.join(default_storage.location, file.name)
        assert os.path.exists(file.path) == ("lend_paths" in default_storage.deconstruct()[2])
    else:
        with pytest.raises(NotImplementedError, match="lend_paths=True"):
            file.path  # noqa: B018 - a property that raises


def test_file_saved_on_its_own() -> None:
    """`save()` of the field file saves the file, and the model only with save=True."""
    model = Upload.objects.create()
    model.file.save("a.txt", ContentFile("täxt"), save=False)
    assert not Upload.objects.get().file
    model.file.save("a.txt", ContentFile("täxt"))
    assert get(default_storage, Upload.objects.get().file.name) == "täxt".encode()
    assert len(names(default_storage)) == 2


def test_file_written_through_the_model() -> None:
    """A file opened for writing keeps the written bytes."""
    model = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    with model.file.open("wb") as file:
        file.write(b"new")
    with Upload.objects.get().file.open("r") as file:
        assert file.read() == "new"


def test_file_opened_twice() -> None:
    """Two instances of a model read the file independently, and one may read it twice."""
    Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    first, second = Upload.objects.get(), Upload.objects.get()
    assert (first.file.read(3), second.file.read(3)) == (b"con", b"con")
    with first.file.open() as file:
        assert file.read() == b"content"
    assert first.file.closed
    second.file.close()


def test_file_replaced() -> None:
    """A second file of the same name gets another name, and the first stays until its deletion."""
    model = Upload.objects.create(file=ContentFile(b"first", name="a.txt"))
    first = model.file
    model.file = ContentFile(b"second", name="a.txt")
    model.save()
    assert model.file.name != first.name
    first.delete(save=False)
    assert get(default_storage, Upload.objects.get().file.name) == b"second"


def test_file_deleted() -> None:
    """A deleted file is removed from the storage and from the model."""
    model = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    model.file.open()
    model.file.delete()
    assert (names(default_storage), bool(Upload.objects.get().file)) == ([], False)


@pytest.mark.parametrize("temporary", [False, True])
def test_form(temporary: bool) -> None:
    """A form saves an upload, in memory or in a temporary file."""
    with upload("a.txt", b"content", temporary) as file:
        model = submit(file=file)
    assert get(default_storage, model.file.name) == b"content"


def test_form_that_clears() -> None:
    """A form's checkbox clears the field and keeps the file in the storage."""
    model = submit(file=upload("a.txt", b"content"))
    cleared = submit({"file-clear": "on"}, to=model)
    assert not cleared.file
    assert len(names(default_storage)) == 1


def test_temporary_upload_is_consumed() -> None:
    """save() removes an upload's temporary file, and closing the upload raises nothing."""
    file = upload("a.txt", b"content", temporary=True)
    path = file.temporary_file_path()
    submit(file=file)
    file.close()
    assert not os.path.exists(path)


def test_hostile_name_of_an_upload() -> None:
    """An upload's name cannot lead out of `upload_to`."""
    model = submit(file=upload("../../etc/passwd", b"content"))
    assert names(default_storage) == [model.file.name]
    assert model.file.name == f"files/{timezone.now().year}/passwd"


def test_picture_has_dimensions() -> None:
    """A model reads a picture's dimensions from the storage."""
    Upload.objects.create(picture=picture(30, 20))
    model = Upload.objects.get()
    assert (model.width, model.height) == (30, 20)
    assert (model.picture.width, model.picture.height) == (30, 20)
    model.picture.close()


def test_picture_replaced_has_other_dimensions() -> None:
    """The dimensions follow the picture, and are cleared with it."""
    model = Upload.objects.create(picture=picture(30, 20))
    model.picture = picture(7, 9)
    model.save()
    assert (model.width, model.height) == (7, 9)
    model.picture.delete()
    assert (model.width, model.height) == (None, None)


def test_picture_of_a_form() -> None:
    """A form takes a picture, and Pillow opens the stored file."""
    content = picture(30, 20).read()
    model = submit(picture=SimpleUploadedFile("p.png", content, "image/png"))
    with model.picture.open() as file, Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (30, 20))


def test_pillow_saves_to_a_handle() -> None:
    """Pillow writes a picture to a handle of the storage."""
    with default_storage.open(default_storage.save("p.png", ContentFile(b"")), "wb") as file:
        Image.new("RGB", (4, 5)).save(file, "PNG")
    with default_storage.open("p.png") as file, Image.open(file) as image:
        assert image.size == (4, 5)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_copied_model(duplicate: Callable[[Upload], Upload]) -> None:
    """A copy of a model, pickled too, reads the same file from the same storage."""
    model = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    model.own.save("b.txt", ContentFile(b"own"))
    other = duplicate(model)
    assert other.file.storage is model.file.storage
    with other.file.open() as file, other.own.open() as own:
        assert (file.read(), own.read()) == (b"content", b"own")


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda file: pickle.loads(pickle.dumps(file))]
)
def test_copied_field_file(duplicate: Callable[[Any], Any]) -> None:
    """A copy of a field file reads the same file, even while the original has it open."""
    file = Upload.objects.create(file=ContentFile(b"content", name="a.txt")).file
    other = duplicate(Upload.objects.get().file)
    assert (other.name, other.storage) == (file.name, file.storage)
    with file.open(), other.open() as handle:
        assert handle.read() == b"content"


@pytest.mark.parametrize("name", ["file", "own", "chosen"])
def test_copied_field(name: str) -> None:
    """A copy of a field has the field's storage."""
    field = Upload._meta.get_field(name)
    for other in [copy.copy(field), copy.deepcopy(field)]:
        assert other.storage is field.storage


def test_storage_of_the_field() -> None:
    """A field with a storage saves there, whatever the default storage is."""
    model = Upload()
    model.own.save("own.txt", ContentFile(b"own"))
    model.chosen.save("chosen.txt", ContentFile(b"chosen"))
    assert model.own.url.startswith("/own/own") and model.chosen.url.startswith("/chosen/chosen")
    assert names(default_storage) == []
    assert isinstance(model.chosen.storage, InMemoryStorage)


def test_storage_of_a_field_replaced_by_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may replace the storage of a field."""
    storage = InMemoryStorage(base_url="/test/")
    monkeypatch.setattr(Upload._meta.get_field("file"), "storage", storage)
    model = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    assert (names(storage), names(default_storage)) == ([model.file.name], [])
    assert Upload.objects.get().file.url == f"/test/{model.file.name}"


def test_file_response() -> None:
    """A streaming response has the file's name, type, length and content."""
    file = Upload.objects.create(file=ContentFile(b"content", name="a.txt")).file
    response = FileResponse(file.open(), as_attachment=True)
    assert response["Content-Disposition"] == 'attachment; filename="a.txt"'
    assert (response["Content-Type"], response["Content-Length"]) == ("text/plain", "7")
    assert b"".join(response.streaming_content) == b"content"
    response.close()
    assert file.closed


def test_serialized_model() -> None:
    """A model that was dumped and loaded has its file."""
    Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    dumped = serializers.serialize("json", Upload.objects.all())
    [loaded] = serializers.deserialize("json", dumped)
    assert get(default_storage, loaded.object.file.name) == b"content"


def test_file_saved_from_another_field() -> None:
    """A file of another model is copied, and stays where it is."""
    first = Upload.objects.create(file=ContentFile(b"content", name="a.txt"))
    second = Upload.objects.create(own=File(first.file.open(), name="b.txt"))
    with second.own.open() as file, first.file.open() as source:
        assert file.read() == source.read() == b"content"
