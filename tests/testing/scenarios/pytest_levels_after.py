"""Only what session fixtures did is left of another module."""

import os

from django.conf import settings
from django.core.files.storage import default_storage


def test_what_is_left():
    left = {name for name in os.listdir(settings.MEDIA_ROOT) if not name.startswith("by-hand-")}
    assert left - {"package.txt"} == {"kept.txt", "late-session.txt", "session.txt"}


def test_a_session_fixture(of_conftest):
    assert default_storage.exists("session-of-conftest/a.txt")
