"""Storages as projects write them."""

import functools
import os
import threading

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.utils.deconstruct import deconstructible

tenant = threading.local()


class ProjectStorage(FileSystemStorage):
    def get_valid_name(self, name):
        return super().get_valid_name(name).lower()

    def url(self, name):
        return super().url(name) + "?signed"


@deconstructible
class OverwritingStorage(FileSystemStorage):
    def get_available_name(self, name, max_length=None):
        self.delete(name)
        return name


class TenantStorage(FileSystemStorage):
    """Goes on from the location of its base."""

    @property
    def location(self):
        return os.path.join(super().location, getattr(tenant, "name", "public"))


class TenantBaseStorage(FileSystemStorage):
    """Names the directory that its location is made of."""

    @property
    def base_location(self):
        return os.path.join(settings.MEDIA_ROOT, "tenants", getattr(tenant, "name", "public"))

    @property
    def location(self):
        return os.path.abspath(self.base_location)


class SettingsStorage(FileSystemStorage):
    @property
    def location(self):
        return os.path.join(settings.MEDIA_ROOT, "from-settings")


class ClassLocationStorage(FileSystemStorage):
    location = os.path.join(settings.MEDIA_ROOT, "of-class")
    base_location = location


class ArgumentStorage(FileSystemStorage):
    def __init__(self, directory="argument"):
        super().__init__(location=os.path.join(settings.MEDIA_ROOT, directory))


class CachedStorage(FileSystemStorage):
    @functools.lru_cache  # noqa: B019
    def url(self, name):
        return super().url(name)


class OddStorage(FileSystemStorage):
    path_to = FileSystemStorage.path
    get_valid_name = staticmethod(str.upper)
    url = functools.partialmethod(FileSystemStorage.path)

    @classmethod
    def generate_filename(cls, filename):
        return f"{cls.__name__}-{filename}"


class PathlessStorage(Storage):
    """Has no paths, and keeps its files in a database, say."""

    path = None

    def __init__(self):
        self.files = {}

    def _open(self, name, mode="rb"):
        return ContentFile(self.files[name], name=name)

    def _save(self, name, content):
        self.files[name] = b"".join(content.chunks())
        return name

    def delete(self, name):
        self.files.pop(name, None)

    def exists(self, name):
        return name in self.files

    def size(self, name):
        return len(self.files[name])

    def url(self, name):
        return f"https://bucket.example/{name}"


class SignedPathlessStorage(PathlessStorage):
    def url(self, name):
        return super().url(name) + "?signed"

    def get_valid_name(self, name):
        return super().get_valid_name(name).lower()


class DerivedMemoryStorage(InMemoryStorage):
    def get_valid_name(self, name):
        return super().get_valid_name(name).lower()


def choose():
    from django.core.files.storage import storages

    return storages["project"]
