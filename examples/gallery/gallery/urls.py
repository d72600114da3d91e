"""URLs of the gallery."""

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.views import serve as serve_static
from django.urls import include, path
from django.views.generic import RedirectView
from inmemorystorage.serving import media_urlpatterns

from . import views
from .models import AbstractPicture, Picture, PrivatePicture


def section(model: type[AbstractPicture]) -> tuple:
    """Return the pages of a model's pictures; `gallery:` names those of the current section."""
    of_model = {"model": model}
    pages = [
        path("", views.PictureList.as_view(**of_model), name="list"),
        path("upload/", views.upload, of_model, name="upload"),
        path("pictures/<int:pk>/", views.PictureDetail.as_view(**of_model), name="detail"),
        path("pictures/<int:pk>/delete/", views.PictureDelete.as_view(**of_model), name="delete"),
    ]
    return include((pages, "gallery"), namespace=model.section)


urlpatterns = [
    path("", section(Picture)),
    path("album/", section(PrivatePicture)),
    path("storage/", views.storage_tree, name="storage"),
    # There is no web server in front of this site that would serve the files.
    *media_urlpatterns(debug_only=False),
    *media_urlpatterns(alias="private", debug_only=False),
    # One process serves everything, also without DEBUG: `insecure` lets the finders serve.
    path("static/<path:path>", serve_static, {"insecure": True}),
    path("favicon.ico", RedirectView.as_view(url="/static/gallery/icon.svg")),
    path("admin/", admin.site.urls),
]
if settings.TOOLBAR:
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))
