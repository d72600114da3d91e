"""What happens to the files when pictures are saved, replaced and deleted.

Django leaves a file where it is when its row goes. Here the file and its thumbnails follow the row,
and only once the transaction is committed: a rolled back deletion must leave the picture whole.
"""

from django.db import transaction
from django.db.models.signals import post_delete, pre_save
from django.dispatch import receiver
from easy_thumbnails.files import get_thumbnailer
from easy_thumbnails.signal_handlers import generate_aliases_global
from easy_thumbnails.signals import saved_file

from .models import Picture

# Thumbnails are made at upload, so that showing a page writes nothing.
saved_file.connect(generate_aliases_global)


def delete_files_on_commit(picture: Picture) -> None:
    """Delete the picture's file and its thumbnails when the transaction is committed."""
    thumbnailer = get_thumbnailer(picture.image)
    transaction.on_commit(lambda: thumbnailer.delete(save=False))


@receiver(post_delete, sender=Picture)
def delete_with_row(instance: Picture, **kwargs) -> None:
    """Let the files follow a deleted row, also in the admin's bulk deletion."""
    delete_files_on_commit(instance)


@receiver(pre_save, sender=Picture)
def delete_replaced(instance: Picture, **kwargs) -> None:
    """Let the former file go when another takes its place."""
    former = instance.pk and Picture.objects.filter(pk=instance.pk).first()
    if former and former.image != instance.image:
        delete_files_on_commit(former)
