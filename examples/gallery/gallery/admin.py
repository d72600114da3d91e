"""The pictures in Django's admin."""

import errno

from django.contrib import admin, messages
from django.shortcuts import redirect
from django.utils.html import format_html
from easy_thumbnails.exceptions import EasyThumbnailsError
from easy_thumbnails.files import get_thumbnailer

from .forms import PictureForm
from .models import Picture

admin.site.site_header = admin.site.site_title = "Gallery"


@admin.register(Picture)
class PictureAdmin(admin.ModelAdmin):
    """List pictures with thumbnails; add, change and delete them."""

    form = PictureForm
    list_display = ["preview", "title", "image", "created"]
    list_display_links = ["preview", "title"]
    list_per_page = 25
    search_fields = ["title", "image"]
    readonly_fields = ["preview", "created"]
    date_hierarchy = "created"

    @admin.display(description="picture")
    def preview(self, picture: Picture) -> str:
        """Return a small thumbnail, or a dash where there is nothing to show."""
        try:
            url = get_thumbnailer(picture.image)["admin"].url
        except (EasyThumbnailsError, OSError, ValueError):
            return "—"
        return format_html('<img src="{}" width="72" height="72" alt="">', url)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Say that the storage is full where Django would answer with an error page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.message_user(
                request, "The gallery is full: delete a picture first.", messages.ERROR
            )
            return redirect(request.path)
