"""The settings that a storage follows while they change: read here and nowhere else."""

from __future__ import annotations

import os

from django.conf import settings
from django.utils.functional import cached_property

from .behaviors import Behavior
from .urls import SignedUrlMixin


class SettingsMixin(SignedUrlMixin):
    """Answer with an option where one is given, and else with the setting."""

    behavior: Behavior
    _location: str | os.PathLike[str] | None
    _file_permissions_mode: int | None
    _directory_permissions_mode: int | None

    @cached_property
    def base_location(self) -> str | os.PathLike[str]:
        """Return the location that the project named, or else MEDIA_ROOT."""
        location: str | os.PathLike[str] = self._value_or_setting(
            self._location, settings.MEDIA_ROOT
        )
        return location

    @cached_property
    def base_url(self) -> str | None:
        """Return what URLs begin with, with a slash at the end; ``None``: there are no URLs."""
        return super().base_url

    @cached_property
    def file_permissions_mode(self) -> int | None:
        """Return the permission bits of files, or ``None`` for those that the umask leaves."""
        mode: int | None = self._value_or_setting(
            self._file_permissions_mode, settings.FILE_UPLOAD_PERMISSIONS
        )
        return mode

    @cached_property
    def directory_permissions_mode(self) -> int | None:
        """Return the permission bits of directories, or ``None``."""
        mode: int | None = self._value_or_setting(
            self._directory_permissions_mode, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS
        )
        return mode

    def _is_shared(self) -> bool:
        """Return whether storages with one location share one tree."""
        return self.behavior.shares_by_location or getattr(
            settings, "INMEMORYSTORAGE_PERSIST", False
        )
