"""The pictures in Django's admin."""

import errno

from django.contrib import admin, messages
from django.shortcuts import redirect
from django.utils.html import format_html
from easy_thumbnails.exceptions import EasyThumbnailsError
from easy_thumbnails.files import get_thumbnailer

from .forms import PictureForm
from .models import AbstractPicture, Picture, PrivatePicture

admin.site.site_header = admin.site.site_title = "Gallery"

THUMBNAIL = '<img src="{}" width="72" height="72" alt="">'
FIRST_FRAME = '<video src="{}" width="72" height="72" preload="metadata" muted></video>'


@admin.register(Picture, PrivatePicture)
class PictureAdmin(admin.ModelAdmin):
    """List pictures with thumbnails; add, change and delete them."""

    form = PictureForm
    list_display = ["preview", "title", "file", "created"]
    list_display_links = ["preview", "title"]
    list_per_page = 25
    search_fields = ["title", "file"]
    readonly_fields = ["preview", "created"]
    date_hierarchy = "created"

    @admin.display(description="picture")
    def preview(self, picture: AbstractPicture) -> str:
        """Return a small thumbnail, or a dash if there is no picture."""
        try:
            if picture.file and picture.is_video:
                return format_html(FIRST_FRAME, picture.file.url)
            return format_html(THUMBNAIL, get_thumbnailer(picture.file)["admin"].url)
        except (EasyThumbnailsError, OSError, ValueError):
            return "—"

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Report a full storage in the form instead of Django's error page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.message_user(
                request, "The gallery is full: delete a picture first.", messages.ERROR
            )
            return redirect(request.path)
