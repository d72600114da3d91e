"""The pictures of the directory of `--over`: rows for files that stay where they are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.files import File

from .formats import is_video, recognize
from .forms import check_size, title_from
from .models import AbstractPicture, Picture


class Found(NamedTuple):
    """The number of pictures shown of a directory, and of files skipped."""

    shown: int
    skipped: int


def show_pictures(directory: str) -> Found:
    """Create a row for each picture of a directory and below, the newest first."""
    # In reverse: among pictures of the same time, the page shows the last row first.
    names = sorted(names_below(Path(directory)), reverse=True)
    pictures = [picture for name in names if (picture := picture_of(name))]
    Picture.objects.bulk_create(pictures)
    return Found(len(pictures), len(names) - len(pictures))


def names_below(directory: Path) -> Iterator[str]:
    """
    Yield the names of the files in a directory and below, without hidden ones.

    Skip links to directories and to files elsewhere, and everything that is not a file: opening a
    pipe, for example, would block.
    """
    root = os.path.realpath(directory)
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for path in (Path(parent, name) for name in files if not name.startswith(".")):
            if os.path.isfile(path) and Path(os.path.realpath(path)).is_relative_to(root):
                yield path.relative_to(directory).as_posix()


def picture_of(name: str, model: type[AbstractPicture] = Picture) -> AbstractPicture | None:
    """Return an unsaved row for a file, or ``None`` for one that the gallery cannot show."""
    storage = model.file.field.storage
    try:
        with storage.open(name) as file:
            check_shown(name, file)
        created = storage.get_modified_time(name)
    except Exception:  # Pillow's decoders, storages and clocks raise various exceptions.
        return None
    return model(title=title_from(name)[:200], file=name, created=created)


def check_shown(name: str, file: File) -> None:
    """Refuse a file that is not a picture or video, or has the wrong suffix."""
    format = recognize(file)
    if format is None or (format.kind == "video") is not is_video(name):
        raise ValidationError("The content is no picture or video, or the suffix is wrong.")
    check_size(file, format)
    name.encode()  # Neither a row nor a URL can have a name that is not text,
    if "\\" in name:  # and a URL takes a backslash for a slash.
        raise ValidationError("The name cannot be part of a URL.")
