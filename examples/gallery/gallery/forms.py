"""Forms: one picture or video, and the upload of several of them."""

import errno
from pathlib import PurePath

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.forms import modelform_factory
from django.template.defaultfilters import filesizeformat
from PIL import Image

from .formats import Format, recognize, with_suffix
from .models import AbstractPicture, Picture


def check_size(upload: UploadedFile, format: Format) -> None:
    """Refuse a file larger than the limit of its kind in MAX_SIZES."""
    limit = settings.MAX_SIZES[format.kind]
    if upload.size > limit:
        limit, size = filesizeformat(limit), filesizeformat(upload.size)
        raise ValidationError(f"A {format.kind} may have up to {limit}, this one has {size}.")


def check_readable(upload: UploadedFile) -> None:
    """Refuse a picture that cannot be decoded to its end, such as a truncated JPEG."""
    try:
        with Image.open(upload.file) as image:
            image.load()
    except Exception as error:  # Pillow's decoders raise different exceptions.
        raise ValidationError("The picture is damaged: its end cannot be read.") from error
    finally:
        upload.seek(0)


class PictureField(forms.FileField):
    """An uploaded picture or video in a format that browsers show."""

    default_error_messages = {
        "format": "Only JPEG, PNG, GIF and WebP pictures, WebM and MP4 videos can be shown."
    }

    def to_python(self, data: UploadedFile | None) -> UploadedFile | None:
        """Return the file, with a name that agrees with its content."""
        upload = super().to_python(data)
        if upload is None:
            return None
        format = recognize(upload)
        if format is None:
            raise ValidationError(self.error_messages["format"], code="format")
        check_size(upload, format)
        if format.kind == "picture":
            check_readable(upload)
        upload.name = with_suffix(upload.name, format)
        return upload


class PictureForm(forms.ModelForm):
    """A picture with its title, for the upload and the admin."""

    class Meta:
        model = Picture
        fields = ["title", "file"]
        field_classes = {"file": PictureField}


class MultipleFileInput(forms.FileInput):
    """A file input in which several files can be chosen."""

    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several uploaded files, as a list."""

    widget = MultipleFileInput

    def to_python(self, data: list[UploadedFile]) -> list[UploadedFile]:
        """Return the list unchanged: the caller checks each file."""
        return data


def title_from(name: str) -> str:
    """Make a title of a file name: `summer_2024-lake.jpg` becomes `Summer 2024 lake`."""
    words = PurePath(name).stem.replace("_", " ").replace("-", " ").split()
    title = " ".join(words)
    return title[:1].upper() + title[1:] or "Untitled"


class UploadForm(forms.Form):
    """Several files at once; `errors` reports the refused ones, the others are kept."""

    files = MultipleFileField(
        label="Add pictures and videos",
        widget=MultipleFileInput(
            attrs={
                "accept": "image/jpeg,image/png,image/gif,image/webp,video/webm,video/mp4",
                "aria-describedby": "upload-help",
            }
        ),
        error_messages={"required": "Choose at least one file first."},
    )

    def __init__(self, *args, model: type[AbstractPicture] = Picture, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.form_class = modelform_factory(model, PictureForm)

    def clean_files(self) -> list[PictureForm]:
        """Return a valid form for each good file, and record the faults of the others."""
        accepted = []
        for upload in self.cleaned_data["files"]:
            name = upload.name
            form = self.form_class({"title": title_from(name)}, {"file": upload})
            if form.is_valid():
                accepted.append(form)
            else:
                problems = [text for texts in form.errors.values() for text in texts]
                self.add_error("files", f"{name}: {' '.join(problems)}")
        return accepted

    def save(self) -> list[AbstractPicture]:
        """Save and return the good files; those without room are added to `errors`."""
        saved = []
        for form in self.cleaned_data.get("files", []):
            try:
                with transaction.atomic():
                    saved.append(form.save())
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self.add_error("files", f"{form.instance.title}: the gallery is full.")
        return saved
