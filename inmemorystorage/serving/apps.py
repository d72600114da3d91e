"""The Django app: ``runserver`` that serves media, and ``manage.py storage``."""

from __future__ import annotations

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Bring the commands of this directory."""

    name = "inmemorystorage.serving"
    label = "inmemorystorage_serving"
    verbose_name = "Files of storages over HTTP"
