"""Addresses of the gallery."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import path
from django.views.generic import RedirectView

from . import views

urlpatterns = [
    path("", views.PictureList.as_view(), name="pictures"),
    path("upload/", views.upload, name="upload"),
    path("pictures/<int:pk>/", views.PictureDetail.as_view(), name="picture"),
    path("pictures/<int:pk>/delete/", views.PictureDelete.as_view(), name="delete"),
    path("storage/", views.storage_tree, name="storage"),
    path("media/<path:name>", views.media, name="media"),
    # One process serves all, without DEBUG too: `insecure` lets the finders answer.
    path("static/<path:path>", serve, {"insecure": True}),
    path("favicon.ico", RedirectView.as_view(url="/static/gallery/icon.svg")),
    path("admin/", admin.site.urls),
]
