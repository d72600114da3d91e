"""Print what the classes and functions are that a package could wrap."""

import builtins
import gc
import inspect
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import django.test.testcases
from django.conf import LazySettings, UserSettingsHolder, settings
from django.core.files import base, move, storage, uploadedfile
from django.core.files.storage import default_storage, storages
from django.db.models.fields import files
from django.test import SimpleTestCase
from django.utils.functional import LazyObject

LOOKED_AT = [
    *(value for value in vars(storage).values() if inspect.isclass(value)),
    *(value for value in vars(files).values() if inspect.isclass(value)),
    *(value for value in vars(django.test.testcases).values() if inspect.isclass(value)),
    *(base, move, uploadedfile, storage, storage.base, storage.filesystem, storage.handler),
    *(unittest.TestCase, unittest.IsolatedAsyncioTestCase, unittest.TestSuite),
    *(LazySettings, UserSettingsHolder, LazyObject),
    *(builtins, io, os, pathlib.Path, shutil, tempfile),
]


def described(value):
    function = getattr(value, "__func__", getattr(value, "fget", value))
    code = getattr(function, "__code__", None)
    return f"{type(value).__name__} {code.co_filename}:{code.co_name}" if code else str(type(value))


class NothingTests(SimpleTestCase):
    def test_nothing(self):
        lines = []
        for each in LOOKED_AT:
            for name, value in vars(each).items():
                if callable(value) or hasattr(value, "__get__"):
                    lines.append(f"{each.__name__}.{name}: {described(value)}")
        for each in (storages, default_storage, settings, storages["default"]):
            lines.append(f"{type(each)} {sorted(vars(each))} {settings.MEDIA_ROOT}")
        lines.append(str(sorted({type(each).__qualname__ for each in gc.callbacks})))
        lines.append(f"{type(sys.gettrace())} {type(sys.getprofile())}")
        with open("described.txt", "w") as file:
            print(*sorted(set(lines)), sep="\n", file=file)
