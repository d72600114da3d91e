"""A storage asks nothing of a content but what it needs."""

import http.server
import io
import threading
from contextlib import contextmanager
from urllib.request import urlopen

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.test import SimpleTestCase
from library.models import Document
from uploads.models import Upload


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"streamed")

    def log_message(self, *args):
        pass


@contextmanager
def served():
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with urlopen(f"http://127.0.0.1:{server.server_port}/") as response:
                yield response
        finally:
            server.shutdown()
            thread.join()


class Sizeless(File):
    @property
    def size(self):
        raise AttributeError("Unable to determine the file's size.")

    def seek(self, *args):
        raise io.UnsupportedOperation("seek")

    def chunks(self, chunk_size=None):
        yield b"str"
        yield b"eamed"


class Unsized(File):
    @property
    def size(self):
        raise AssertionError("the size is asked for")


class LazyFile(File):
    """Opens its source when it is read."""

    def __init__(self, storage, source):
        super().__init__(None, name=source)
        self.storage, self.source = storage, source

    def chunks(self, chunk_size=None):
        with self.storage.open(self.source) as file:
            yield from file.chunks()

    size = property(lambda self: self.storage.size(self.source))


class StreamTests(SimpleTestCase):
    def storages(self):
        made = (FileSystemStorage(), Document._meta.get_field("private").storage)
        return (default_storage, storages["project"], storages["memory"], storages["django"], *made)

    def check(self, storage, content):
        name = storage.save("stream.txt", content)
        self.addCleanup(storage.delete, name)
        with storage.open(name) as file:
            self.assertEqual(file.read(), b"streamed")

    def test_a_response(self):
        for storage in self.storages():
            with self.subTest(storage=storage), served() as response:
                self.check(storage, File(response))

    def test_a_bare_response(self):
        for storage in self.storages():
            with self.subTest(storage=storage), served() as response:
                self.check(storage, response)

    def test_no_size(self):
        for storage in self.storages():
            with self.subTest(storage=storage):
                self.check(storage, Sizeless(io.BytesIO(), name="a.txt"))
                self.check(storage, Unsized(io.BytesIO(b"streamed"), name="a.txt"))

    def test_a_field(self):
        upload = Upload()
        with served() as response:
            upload.file.save("stream.txt", File(response), save=False)
        self.addCleanup(default_storage.delete, upload.file.name)
        self.assertEqual(default_storage.size(upload.file.name), 8)

    def test_a_lazy_source(self):
        for source in (storages["archive"], storages["memory"], default_storage):
            name = source.save("source.txt", ContentFile(b"streamed"))
            self.addCleanup(source.delete, name)
            for storage in self.storages():
                self.check(storage, LazyFile(source, name))
