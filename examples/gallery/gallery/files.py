"""Receivers that keep files in step with pictures that are saved, replaced and deleted.

Django keeps a file when its row is deleted. Here the file and its thumbnails are deleted
with the row, after the transaction is committed: a deletion that is rolled back must leave the
picture whole.
"""

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete, pre_save
from django.dispatch import receiver
from easy_thumbnails.signal_handlers import generate_aliases_global
from easy_thumbnails.signals import saved_file

from .formats import is_video
from .models import AbstractPicture, Picture, PrivatePicture


@receiver(saved_file)
def make_thumbnails(fieldfile: FieldFile, **kwargs) -> None:
    """Make thumbnails at upload, so that showing a page writes nothing; videos need none."""
    if not is_video(fieldfile.name):
        generate_aliases_global(fieldfile)


def delete_files_on_commit(picture: AbstractPicture) -> None:
    """Delete the picture's file and its thumbnails when the transaction is committed."""
    transaction.on_commit(lambda: picture.file.delete(save=False))


@receiver(post_delete, sender=Picture)
@receiver(post_delete, sender=PrivatePicture)
def delete_with_row(instance: AbstractPicture, **kwargs) -> None:
    """Delete the files of a deleted row, also in the admin's bulk deletion."""
    delete_files_on_commit(instance)


@receiver(pre_save, sender=Picture)
@receiver(pre_save, sender=PrivatePicture)
def delete_replaced(sender: type[AbstractPicture], instance: AbstractPicture, **kwargs) -> None:
    """Delete the previous file when another replaces it."""
    former = instance.pk and sender.objects.filter(pk=instance.pk).first()
    if former and former.file != instance.file:
        delete_files_on_commit(former)
