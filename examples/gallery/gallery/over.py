"""The pictures of the directory that `--over` names: rows for files that stay where they are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.files import File

from .formats import is_video, recognise
from .forms import check_size, title_from
from .models import AbstractPicture, Picture


class Found(NamedTuple):
    """How many pictures of a directory are shown, and how many of its files are not."""

    shown: int
    passed_over: int


def show_pictures(directory: str) -> Found:
    """Make a row for each picture of a directory and below; the newest is seen first."""
    # In reverse, as among pictures of one time the last row is seen first.
    names = sorted(names_below(Path(directory)), reverse=True)
    pictures = [picture for name in names if (picture := picture_of(name))]
    Picture.objects.bulk_create(pictures)
    return Found(len(pictures), len(names) - len(pictures))


def names_below(directory: Path) -> Iterator[str]:
    """
    Yield the names of the files in a directory and below, without hidden ones.

    Links to directories are not followed, nor are those that lead to files elsewhere; what is no
    file, such as a pipe, would keep whoever opens it waiting.
    """
    root = os.path.realpath(directory)
    for parent, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for path in (Path(parent, name) for name in files if not name.startswith(".")):
            if os.path.isfile(path) and Path(os.path.realpath(path)).is_relative_to(root):
                yield path.relative_to(directory).as_posix()


def picture_of(name: str, model: type[AbstractPicture] = Picture) -> AbstractPicture | None:
    """Return the row of a file, unsaved; ``None`` for one that the gallery cannot show."""
    storage = model.file.field.storage
    try:
        with storage.open(name) as file:
            check_shown(name, file)
        created = storage.get_modified_time(name)
    except Exception:  # Pillow's decoders, storages and clocks raise what they like.
        return None
    return model(title=title_from(name)[:200], file=name, created=created)


def check_shown(name: str, file: File) -> None:
    """Refuse a file whose content is nothing to show, or not what its name says."""
    format = recognise(file)
    if format is None or (format.kind == "video") is not is_video(name):
        raise ValidationError("The content is neither a picture nor a video, or not as named.")
    check_size(file, format)
    name.encode()  # Neither a row nor an address can have a name that is no text,
    if "\\" in name:  # and in an address this is a slash.
        raise ValidationError("The name cannot be in an address.")
