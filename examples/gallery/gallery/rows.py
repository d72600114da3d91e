"""Rows that agree with the store of `--store`, which can outlive them, and they it."""

from .files import make_thumbnails
from .models import AbstractPicture, Picture, PrivatePicture
from .over import picture_of


def agree_with_store() -> None:
    """Forget the pictures whose files are gone; where no row is left, make rows of the files."""
    for model in (Picture, PrivatePicture):
        forget_lost(model)
        if not model.objects.exists():
            find_stored(model)


def forget_lost(model: type[AbstractPicture]) -> None:
    """Delete the rows whose files are gone, as after a restart of a store that keeps nothing."""
    # In this order: an upload has its file before its row.
    pictures = [*model.objects.all()]
    there = {*names_in_store(model)}
    for picture in pictures:
        if picture.file.name not in there:
            picture.delete()


def find_stored(model: type[AbstractPicture]) -> None:
    """Make a row for each picture in the store, and its thumbnails."""
    pictures = [picture_of(name, model) for name in sorted(names_in_store(model), reverse=True)]
    for picture in filter(None, pictures):
        picture.save()
        make_thumbnails(picture.file)


def names_in_store(model: type[AbstractPicture]) -> list[str]:
    """Return the names of the files that were uploaded for a model."""
    field = model.file.field
    try:
        _, names = field.storage.listdir(field.upload_to)
    except FileNotFoundError:
        return []
    return [f"{field.upload_to}/{name}" for name in names]
