"""Nothing is left of another module, whichever ran first."""

import os
import unittest

from django.conf import settings
from django.core.files.storage import storages


def setUpModule():
    assert os.listdir(settings.MEDIA_ROOT) == ["kept.txt"]


class Tests(unittest.TestCase):
    def test_nothing_is_left(self):
        self.assertEqual(os.listdir(settings.MEDIA_ROOT), ["kept.txt"])
        self.assertFalse(os.path.exists(storages["archive"].location))
        self.assertEqual(storages["memory"].listdir(""), ([], []))
