"""Programs that work on paths find the files of a test, as on any disk."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.move import file_move_safe
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, override_settings
from django.utils import timezone


class Disk:
    def setUp(self):
        os.makedirs(os.path.join(settings.MEDIA_ROOT, "disk"))
        self.addCleanup(shutil.rmtree, os.path.join(settings.MEDIA_ROOT, "disk"))

    def save(self, name="a.txt", content=b"content"):
        name = default_storage.save(f"disk/{name}", ContentFile(content))
        return name, default_storage.path(name)


class PathTests(Disk, SimpleTestCase):
    def test_both_ways(self):
        name, path = self.save()
        self.assertEqual(path, os.path.join(settings.MEDIA_ROOT, name))
        self.assertEqual(Path(path).read_bytes(), b"content")
        with open(path, "ab") as file:
            file.write(b"more")
        self.assertEqual(default_storage.size(name), 11)
        os.rename(path, path + ".old")
        self.assertEqual(default_storage.listdir("disk"), ([], ["a.txt.old"]))
        os.mkdir(os.path.join(settings.MEDIA_ROOT, "disk", "d"))
        self.assertEqual(default_storage.listdir("disk")[0], ["d"])

    def test_errors(self):
        with self.assertRaises(FileNotFoundError) as caught:
            default_storage.open("disk/missing.txt")
        self.assertEqual(caught.exception.filename, default_storage.path("disk/missing.txt"))
        with self.assertRaises(IsADirectoryError):
            default_storage.open("disk")
        with self.assertRaises(SuspiciousFileOperation):
            default_storage.path("../outside.txt")
        with self.assertRaises(SuspiciousFileOperation):
            default_storage.exists("/etc/passwd")
        self.save("d/a.txt")
        with self.assertRaises(OSError):
            default_storage.delete("disk/d")

    def test_permissions(self):
        with override_settings(
            FILE_UPLOAD_PERMISSIONS=0o640, FILE_UPLOAD_DIRECTORY_PERMISSIONS=0o750
        ):
            _, path = self.save("deep/er/a.txt")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o750)
        os.chmod(path, 0o400)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o400)
        storage = FileSystemStorage(file_permissions_mode=0o604)
        name = storage.save("disk/b.txt", ContentFile(b""))
        self.assertEqual(os.stat(storage.path(name)).st_mode & 0o777, 0o604)

    def test_links(self):
        _, path = self.save()
        os.symlink("a.txt", path + ".link")
        os.link(path, path + ".hard")
        for name in ("disk/a.txt.link", "disk/a.txt.hard"):
            with default_storage.open(name) as file:
                self.assertEqual(file.read(), b"content")
        self.assertTrue(os.path.samefile(path, path + ".hard"))

    def test_times(self):
        name, path = self.save()
        now = timezone.now()
        self.assertLess(abs(default_storage.get_modified_time(name) - now), timedelta(minutes=1))
        os.utime(path, (0, 0))
        self.assertEqual(default_storage.get_modified_time(name).timestamp(), 0)

    def test_moves(self):
        with tempfile.TemporaryDirectory() as directory:
            outside = os.path.join(directory, "moved.txt")
            Path(outside).write_bytes(b"moved")
            target = os.path.join(settings.MEDIA_ROOT, "disk", "moved.txt")
            shutil.move(outside, target)
            self.assertTrue(default_storage.exists("disk/moved.txt"))
            file_move_safe(target, outside)
            self.assertFalse(default_storage.exists("disk/moved.txt"))
            shutil.copytree(os.path.join(settings.MEDIA_ROOT, "disk"), os.path.join(directory, "d"))
        os.rename(self.save()[1], os.path.join(settings.MEDIA_ROOT, "disk", "b.txt"))

    def test_archives(self):
        self.save()
        with tempfile.TemporaryDirectory() as directory:
            archive = shutil.make_archive(
                os.path.join(directory, "archive"),
                "zip",
                os.path.join(settings.MEDIA_ROOT, "disk"),
            )
            with zipfile.ZipFile(archive) as opened:
                self.assertEqual(opened.read("a.txt"), b"content")
                opened.extractall(os.path.join(settings.MEDIA_ROOT, "disk", "extracted"))
        self.assertTrue(default_storage.exists("disk/extracted/a.txt"))

    def test_programs(self):
        _, path = self.save()
        program = "import sys; print(open(sys.argv[1]).read()); open(sys.argv[1] + '.out', 'w')"
        command = [sys.executable, "-W", "ignore", "-c", program, path]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        self.assertEqual(done.stdout, "content\n")
        self.assertTrue(default_storage.exists("disk/a.txt.out"))

    def test_nested_locations(self):
        nested = FileSystemStorage(os.path.join(settings.MEDIA_ROOT, "disk", "nested"))
        nested.save("a.txt", ContentFile(b"content"))
        self.assertEqual(default_storage.listdir("disk"), (["nested"], []))
        default_storage.delete("disk/nested/a.txt")
        self.assertFalse(nested.exists("a.txt"))

    def test_walk(self):
        self.save("d/e/f.txt")
        found = [files for _, _, files in os.walk(os.path.join(settings.MEDIA_ROOT, "disk"))]
        self.assertEqual(found, [[], [], ["f.txt"]])
        self.assertEqual(len(list(Path(settings.MEDIA_ROOT, "disk").rglob("*.txt"))), 1)

    def test_project_files_are_where_they_are(self):
        self.assertTrue((settings.BASE_DIR / "project_settings.py").is_file())
        self.assertTrue(Path(__file__).is_relative_to(settings.BASE_DIR))
        self.assertEqual(os.getcwd(), str(settings.BASE_DIR))


class ViewTests(Disk, TestCase):
    def upload(self, file):
        name = self.client.post("/upload/", {"file": file}).json()["name"]
        self.addCleanup(default_storage.delete, name)
        return name

    def test_uploads(self):
        name = self.upload(SimpleUploadedFile("a.txt", b"content"))
        with default_storage.open(name) as file:
            self.assertEqual(file.read(), b"content")
        response = self.client.get(f"/media/{name}")
        self.assertEqual(response.getvalue(), b"content")
        self.assertIn("Last-Modified", response.headers)
        self.assertEqual(self.client.get("/media/missing.txt").status_code, 404)

    @override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=1)
    def test_big_uploads(self):
        name = self.upload(SimpleUploadedFile("b.txt", b"content"))
        self.assertEqual(Path(settings.MEDIA_ROOT, name).read_bytes(), b"content")

    def test_temporary_files(self):
        with TemporaryUploadedFile("t.txt", "text/plain", 7, None) as file:
            file.write(b"content")
            file.flush()
            name = default_storage.save("disk/t.txt", file)
        self.assertEqual(default_storage.size(name), 7)

    def test_files_of_the_project(self):
        with open(__file__, "rb") as source:
            name = default_storage.save("disk/source.py", File(source))
        self.assertEqual(Path(default_storage.path(name)).read_bytes(), Path(__file__).read_bytes())


class LiveTests(Disk, LiveServerTestCase):
    def test_media(self):
        name, _ = self.save()
        with urlopen(self.live_server_url + default_storage.url(name)) as response:
            self.assertEqual(response.read(), b"content")
