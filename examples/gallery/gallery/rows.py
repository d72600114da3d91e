"""Keep rows in step with the store of `--store`: either can outlive the other."""

from .files import make_thumbnails
from .models import AbstractPicture, Picture, PrivatePicture
from .over import picture_of


def agree_with_store() -> None:
    """Delete rows whose files are gone, and create rows in a section without any."""
    for model in (Picture, PrivatePicture):
        forget_lost(model)
        if not model.objects.exists():
            find_stored(model)


def forget_lost(model: type[AbstractPicture]) -> None:
    """Delete the rows whose files are gone, as after a restart of a store without persistence."""
    # In this order: an upload stores its file before its row.
    pictures = [*model.objects.all()]
    there = {*names_in_store(model)}
    for picture in pictures:
        if picture.file.name not in there:
            picture.delete()


def find_stored(model: type[AbstractPicture]) -> None:
    """Create a row, and thumbnails, for each picture in the store."""
    pictures = [picture_of(name, model) for name in sorted(names_in_store(model), reverse=True)]
    for picture in filter(None, pictures):
        picture.save()
        make_thumbnails(picture.file)


def names_in_store(model: type[AbstractPicture]) -> list[str]:
    """Return the names of a model's uploaded files."""
    field = model.file.field
    try:
        _, names = field.storage.listdir(field.upload_to)
    except FileNotFoundError:
        return []
    return [f"{field.upload_to}/{name}" for name in names]
