"""Changes of a process that a test started roll back with the test."""

import multiprocessing
import os
import subprocess
import sys
import unittest

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase
from uploads import tasks


def save(name):
    return default_storage.save(name, ContentFile(b"content"))


class RollsBack:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        save("class.txt")

    def setUp(self):
        self.assertEqual(os.listdir(settings.MEDIA_ROOT), ["class.txt"])
        with default_storage.open("class.txt") as file:
            self.assertEqual(file.read(), b"content")

    def run_process(self, method, target, *args):
        process = multiprocessing.get_context(method).Process(target=target, args=args)
        process.start()
        process.join()
        self.assertEqual(process.exitcode, 0)

    def test_a_child_saves(self):
        self.run_process("fork", save, "child.txt")

    def test_a_child_deletes(self):
        self.run_process("fork", default_storage.delete, "class.txt")

    def test_a_spawned_process_appends(self):
        self.run_process("spawn", tasks.append, default_storage.path("class.txt"))

    def test_a_program_writes(self):
        program = "import os; os.makedirs('d/e'); open('d/e/f.txt', 'w').close()"
        subprocess.run([sys.executable, "-c", program], check=True, cwd=settings.MEDIA_ROOT)


class SimpleTests(RollsBack, SimpleTestCase):
    pass


class PlainTests(RollsBack, unittest.TestCase):
    pass
