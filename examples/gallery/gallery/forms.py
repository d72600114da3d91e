"""Forms: one picture, and the upload of several of them."""

import errno
from pathlib import PurePath

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import FileExtensionValidator
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from PIL import Image

from .models import Picture

NOT_SHOWN = "Only JPEG, PNG, GIF and WebP pictures can be shown."


def check_size(upload: UploadedFile) -> None:
    """Refuse a file larger than PICTURE_MAX_SIZE."""
    if upload.size > settings.PICTURE_MAX_SIZE:
        limit, size = filesizeformat(settings.PICTURE_MAX_SIZE), filesizeformat(upload.size)
        raise ValidationError(f"A picture may have up to {limit}, this one has {size}.")


def check_format(upload: UploadedFile) -> None:
    """Refuse other formats by content, as Pillow told it, whatever the file is called."""
    if upload.image.format not in settings.PICTURE_FORMATS:
        raise ValidationError(NOT_SHOWN)


def check_readable(upload: UploadedFile) -> None:
    """Refuse what cannot be decoded to its end: ImageField alone accepts a truncated JPEG."""
    try:
        with Image.open(upload.file) as image:
            image.load()
    except Exception as error:  # Each of Pillow's decoders raises its own.
        raise ValidationError("The picture is damaged: its end cannot be read.") from error
    finally:
        upload.seek(0)


class PictureField(forms.ImageField):
    """An uploaded picture of a format that browsers show."""

    default_validators = [
        FileExtensionValidator(["jpg", "jpeg", "png", "gif", "webp"], NOT_SHOWN),
        check_size,
        check_format,
        check_readable,
    ]
    default_error_messages = {"invalid_image": "This is not a picture, or it is damaged."}


class PictureForm(forms.ModelForm):
    """A picture with its title, as the upload and the admin take it."""

    class Meta:
        model = Picture
        fields = ["title", "image"]
        field_classes = {"image": PictureField}


class MultipleFileInput(forms.FileInput):
    """A file input in which several files can be chosen."""

    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several uploaded files, as a list."""

    widget = MultipleFileInput

    def to_python(self, data: list[UploadedFile]) -> list[UploadedFile]:
        """Take the list as it is: whoever uses it checks the files one by one."""
        return data


def title_from(name: str) -> str:
    """Make a title of a file name: `summer_2024-lake.jpg` becomes `Summer 2024 lake`."""
    words = PurePath(name).stem.replace("_", " ").replace("-", " ").split()
    title = " ".join(words)
    return title[:1].upper() + title[1:] or "Untitled"


class UploadForm(forms.Form):
    """Several pictures at once; `errors` tells the refused ones, the others are kept."""

    images = MultipleFileField(
        label="Add pictures",
        widget=MultipleFileInput(
            attrs={
                "accept": "image/jpeg,image/png,image/gif,image/webp",
                "aria-describedby": "upload-help",
            }
        ),
        error_messages={"required": "Choose at least one picture first."},
    )

    def clean_images(self) -> list[PictureForm]:
        """Return a valid form for each good file, and note what is wrong with the others."""
        accepted = []
        for upload in self.cleaned_data["images"]:
            form = PictureForm({"title": title_from(upload.name)}, {"image": upload})
            if form.is_valid():
                accepted.append(form)
            else:
                problems = [text for texts in form.errors.values() for text in texts]
                self.add_error("images", f"{upload.name}: {' '.join(problems)}")
        return accepted

    def save(self) -> list[Picture]:
        """Save and return the good pictures; those for which there is no room join `errors`."""
        saved = []
        for form in self.cleaned_data.get("images", []):
            try:
                with transaction.atomic():
                    saved.append(form.save())
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self.add_error("images", f"{form.instance.title}: the gallery is full.")
        return saved
