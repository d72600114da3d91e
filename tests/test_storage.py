"""InMemoryStorage: what it adds to the contract that every storage keeps."""

import errno
import gc
import io
import os
import threading
from unittest import mock

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile

from inmemorystorage import InMemoryDir, InMemoryStorage, PathDoesNotExist


@pytest.fixture
def storage():
    """Return a storage with a tree of its own."""
    return InMemoryStorage()


@pytest.fixture(params=["memory", "filesystem"])
def either(request, tmp_path):
    """Return a storage of either behavior, at a location of its own."""
    return InMemoryStorage(location=tmp_path, behaves_like=request.param)


class Readable:
    """The least that save() takes: something that can be read."""

    def __init__(self, content):
        self.left = [content]

    def read(self, size=-1):
        """Return all at once, then nothing."""
        return self.left.pop() if self.left else b""


@pytest.mark.parametrize(
    "make_content",
    [
        lambda text: text,
        lambda text: text.encode(),
        lambda text: ContentFile(text),
        lambda text: ContentFile(text.encode()),
        lambda text: File(io.BytesIO(text.encode()), name="x"),
        lambda text: File(io.StringIO(text), name="x"),
        lambda text: io.BytesIO(text.encode()),
        lambda text: InMemoryUploadedFile(
            io.BytesIO(text.encode()), "f", "x", "text/plain", 5, None
        ),
        lambda text: Readable(text.encode()),
    ],
)
def test_save_takes_what_holds_bytes_or_text(either, make_content):
    """Bytes, text, files of all kinds and readable objects are stored as bytes."""
    assert either.save("f", make_content("café")) == "f"
    assert either.open("f").read() == "café".encode()


def test_content_is_saved_from_its_start_and_left_at_its_end(either):
    """The position of what is saved is treated as chunks() treats it."""
    content = ContentFile(b"12345")
    content.seek(3)
    either.save("f", content)
    assert (either.size("f"), content.tell()) == (5, 5)


def test_content_keeps_its_reference(storage):
    """What is in memory is not copied, neither on its way in nor out."""
    content = b"x" * 100_000
    storage.save("f", ContentFile(content))
    assert storage.open("f").read() is content
    storage.save("g", storage.open("f"))
    assert storage.open("g").read() is content


def test_content_names_the_file_where_save_does_not(either):
    """A name of None is the content's own."""
    assert either.save(None, ContentFile(b"", name="own.txt")) == "own.txt"


def test_content_of_mixed_kinds_is_refused(storage):
    """Text after bytes is a TypeError, and nothing is stored."""
    with pytest.raises(TypeError, match="yields str after bytes"):
        storage.save("f", mock.Mock(chunks=lambda: iter([b"a", "b"]), spec=["chunks"]))
    assert not storage.exists("f")


def failing_chunks():
    """Yield one chunk, then fail."""
    yield b"half"
    raise OSError("gone")


@pytest.mark.parametrize(("behaves_like", "is_left"), [("memory", False), ("filesystem", True)])
def test_a_save_that_fails_half_way(tmp_path, behaves_like, is_left):
    """A disk keeps the half that was written; memory keeps nothing."""
    storage = InMemoryStorage(location=tmp_path, behaves_like=behaves_like)
    with pytest.raises(OSError, match="gone"):
        storage.save("f", mock.Mock(chunks=failing_chunks, spec=["chunks"]))
    assert storage.exists("f") is is_left


def test_a_name_that_is_taken_while_the_content_is_read(either):
    """Who takes the name in the meantime keeps it; the content gets another."""

    def chunks():
        either.save("f", b"theirs")
        yield b"ours"

    name = either.save("f", mock.Mock(chunks=chunks, spec=["chunks"]))
    assert (either.open("f").read(), either.open(name).read()) == (b"theirs", b"ours")


def test_a_temporary_upload_is_consumed(either):
    """As FileSystemStorage moves a temporary file, so it is gone from the disk here."""
    with TemporaryUploadedFile("f.txt", "text/plain", 4, None) as upload:
        upload.write(b"data")
        upload.flush()
        either.save("f.txt", upload)
        assert not os.path.exists(upload.temporary_file_path())
    assert either.open("f.txt").read() == b"data"


@pytest.mark.parametrize("name", ["../f", "/f", "d/../../f", "", ".", "d/..", "d/."])
def test_hostile_names_store_nothing(either, name):
    """Names that lead outside, or nowhere, are refused before anything is stored."""
    with pytest.raises(SuspiciousFileOperation):
        either.save(name, b"x")
    assert either.listdir("") == ([], [])


HOOKS = {
    "get_available_name": lambda self, name, max_length=None: f"h-{name}",
    "is_name_available": lambda self, name, max_length=None: name.startswith("h-"),
    "get_alternative_name": lambda self, root, ext: f"h-{root}{ext}",
    "exists": lambda self, name: not name.startswith("h-"),
    "_save": lambda self, name, content: "h-f.txt",
}


def alternative(self, root, ext):
    """Put the mark in front."""
    return f"h-{root}{ext}"


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_of_a_subclass_is_called_by_save(hook):
    """A subclass that overrides what Storage.save() calls on its way is asked."""
    methods = {"get_alternative_name": alternative, hook: HOOKS[hook]}
    storage = type("Hooked", (InMemoryStorage,), methods)()
    storage.filesystem.save("f.txt", b"taken")
    assert storage.save("f.txt", b"x") == "h-f.txt"


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_of_an_instance_is_called_by_save(storage, hook):
    """So is a hook that a test has patched on one storage."""
    storage.save("f.txt", b"taken")
    with (
        mock.patch.object(storage, "get_alternative_name", lambda *args: alternative(None, *args)),
        mock.patch.object(storage, hook, lambda *args, **kw: HOOKS[hook](None, *args, **kw)),
    ):
        assert storage.save("f.txt", b"x") == "h-f.txt"


def test_a_hook_patched_on_djangos_storage_is_called(storage):
    """So is one that is patched on the base class of all."""
    with mock.patch.object(Storage, "get_alternative_name", alternative):
        storage.save("f.txt", b"taken")
        assert storage.save("f.txt", b"x") == "h-f.txt"


def test_a_path_of_a_subclass_is_asked_for_every_name(tmp_path):
    """A subclass may say by path() where its names are."""

    class Prefixed(InMemoryStorage):
        def path(self, name):
            return super().path(f"prefix/{name}")

    storage = Prefixed(location=tmp_path, behaves_like="filesystem")
    assert storage.save("f", b"x") == "prefix/f"
    assert storage.exists("f")
    assert InMemoryStorage(location=tmp_path, behaves_like="filesystem").exists("prefix/f")


class Overwriting(InMemoryStorage):
    """The storage that many projects have of their own: a name is taken as it is."""

    def get_available_name(self, name, max_length=None):
        """Insist on the name."""
        return name


def test_a_subclass_that_insists_on_a_name_overwrites(tmp_path):
    """In memory a get_available_name() that returns a taken name has its way."""
    storage = Overwriting(location=tmp_path)
    assert [storage.save("f", content) for content in (b"1", b"2")] == ["f", "f"]
    assert storage.open("f").read() == b"2"


def test_a_subclass_that_insists_on_a_name_does_not_hang_on_a_disk(tmp_path):
    """Where FileSystemStorage would ask for ever, the error says what to do."""
    storage = Overwriting(location=tmp_path, behaves_like="filesystem")
    storage.save("f", b"1")
    with pytest.raises(FileExistsError, match="allow_overwrite=True"):
        storage.save("f", b"2")
    assert storage.open("f").read() == b"1"


def test_a_location_may_take_a_lock_of_its_own(tmp_path):
    """A subclass's location is asked while no lock of ours is held."""
    guard = threading.Lock()

    class Guarded(InMemoryStorage):
        @property
        def location(self):
            with guard:
                return str(tmp_path)

    other, guarded = InMemoryStorage(), Guarded(behaves_like="filesystem")

    def work():
        for number in range(300):
            with guard:
                other.save(f"{number}", b"")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for number in range(300):
        guarded.save(f"{number}", b"")
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_max_size_is_kept_whole(either):
    """A save past max_size is ENOSPC, and what was stored before stays as it was."""
    storage = InMemoryStorage(filesystem=either.filesystem, max_size=10)
    storage.save("a", b"123456")
    with pytest.raises(OSError, match="No space left") as caught:
        storage.save("b", b"12345")
    assert caught.value.errno == errno.ENOSPC
    assert (storage.exists("b"), storage.open("a").read()) == (False, b"123456")


def test_max_size_holds_for_handles(storage):
    """A handle that writes past max_size gets ENOSPC when its buffer is written."""
    storage = InMemoryStorage(max_size=10)
    storage.save("a", b"123456")
    handle = storage.open("a", "ab")
    handle.write(b"78901")
    with pytest.raises(OSError, match="No space left"):
        handle.flush()
    assert storage.open("a").read() == b"123456"
    with pytest.raises(OSError, match="No space left"):
        handle.close()
    assert handle.closed


def test_max_size_counts_what_is_there(storage):
    """A limit that comes later counts the files that are there already."""
    storage.save("a", b"123456")
    limited = InMemoryStorage(storage.filesystem, max_size=8)
    with pytest.raises(OSError, match="No space left"):
        limited.save("b", b"123")
    limited.save("b", b"12")


def test_the_smaller_of_two_limits_holds_while_it_is_there(tmp_path):
    """Storages of one location have each its limit; that of one that is gone is gone too."""
    options = {"location": tmp_path, "behaves_like": "filesystem"}
    small, large = (InMemoryStorage(max_size=size, **options) for size in (5, 50))
    small.save("a", b"123")
    with pytest.raises(OSError, match="No space left"):
        large.save("b", b"123")
    del small
    gc.collect()
    large.save("b", b"123")


def test_overwriting_keeps_handles_that_are_open(tmp_path):
    """In memory, who has the old file open reads it to its end; on a disk he sees the new one."""
    for behaves_like, expected in (("memory", b"old"), ("filesystem", b"new")):
        storage = InMemoryStorage(
            location=tmp_path, behaves_like=behaves_like, allow_overwrite=True
        )
        storage.save("f", b"old")
        with storage.open("f") as handle:
            assert storage.save("f", b"new") == "f"
            assert handle.read() == expected


def test_overwriting_a_directory_is_refused(tmp_path):
    """allow_overwrite does not put a file in the place of a directory."""
    storage = InMemoryStorage(location=tmp_path, allow_overwrite=True)
    storage.save("d/f", b"")
    with pytest.raises(IsADirectoryError):
        storage.save("d", b"")


def test_a_directory_has_a_size_on_a_disk_alone(either):
    """size() of a directory is ext4's on a disk, and IsADirectoryError in memory."""
    either.save("d/f", b"")
    if either.behavior.directory_size is None:
        with pytest.raises(IsADirectoryError):
            either.size("d")
    else:
        assert either.size("d") == 4096


def test_a_whole_tree_is_deleted_in_memory_alone(tmp_path):
    """delete() of a directory takes all in it in memory, and is ENOTEMPTY on a disk."""
    for behaves_like in ("memory", "filesystem"):
        storage = InMemoryStorage(location=tmp_path, behaves_like=behaves_like)
        storage.save("d/e/f", b"")
        if behaves_like == "memory":
            storage.delete("d")
            assert not storage.exists("d")
        else:
            with pytest.raises(OSError, match="not empty"):
                storage.delete("d")


def test_what_cannot_be_is_deleted_silently_in_memory(storage):
    """delete() below a file is silent in memory, as for all that is not there."""
    storage.save("f", b"")
    storage.delete("f/x")
    storage.delete("nothing")
    assert storage.exists("f")


def test_the_own_tree_stays(storage):
    """The directory that a storage stands on cannot be deleted through it."""
    with pytest.raises(OSError, match="busy"):
        storage.delete(".")


def test_path_names_the_cure(storage):
    """A storage without paths says so as Django's does, and how to have one."""
    with pytest.raises(NotImplementedError, match="lend_paths=True"):
        storage.path("f")


@pytest.mark.parametrize(
    "name", ["", "x/y", "a b&c.txt", "/lead", "../up", "é.png", "q?x=1", "a:b"]
)
@pytest.mark.parametrize("base_url", ["/media/", "https://cdn.example/m/", "/no-slash"])
def test_urls_are_those_of_a_disk(name, base_url):
    """Each name has the URL that FileSystemStorage gives it."""
    from django.core.files.storage import FileSystemStorage

    ours, theirs = InMemoryStorage(base_url=base_url), FileSystemStorage(base_url=base_url)
    assert ours.url(name) == theirs.url(name)


def test_operations_do_not_call_the_hooks_of_others(either):
    """delete() and open() do not call an exists() that a subclass overrides."""

    class Refusing(type(either)):
        def exists(self, name):
            """Fail if it is called."""
            raise AssertionError(name)

    storage = Refusing(either.filesystem, behaves_like=either.behavior.name)
    either.save("f", b"content")
    assert storage.open("f").read() == b"content"
    storage.delete("f")
    storage.delete("f")
    assert not either.exists("f")


@pytest.mark.parametrize("operation", ["exists", "size", "open", "delete", "listdir"])
def test_an_error_has_no_context(either, operation):
    """A name outside of the location raises one error, not one in the course of another."""
    with pytest.raises(SuspiciousFileOperation) as caught:
        getattr(either, operation)("../f")
    assert caught.value.__context__ is None


class TestVersion21:
    """What dj-inmemorystorage 2.1 could do."""

    def test_positional_arguments(self):
        """The filesystem and the base URL are the first two arguments."""
        root = InMemoryDir()
        storage = InMemoryStorage(root, "http://cdn/")
        assert storage.filesystem is root
        assert storage.url("x") == "http://cdn/x"

    def test_imports(self):
        """The old module has the old names."""
        from inmemorystorage import storage

        names = ["InMemoryStorage", "InMemoryDir", "InMemoryFile", "PathDoesNotExist"]
        assert all(hasattr(storage, name) for name in names)

    def test_listings_compare_to_lists(self, storage):
        """listdir equals a list of lists and a tuple of lists."""
        storage.save("d/f", b"")
        assert storage.listdir("") == [["d"], []]
        assert storage.listdir("d") == ([], ["f"])

    def test_the_old_names_of_times(self, storage):
        """accessed_time, created_time and modified_time are the get_ forms."""
        storage.save("f", b"")
        for kind in ("accessed", "created", "modified"):
            old, new = f"{kind}_time", f"get_{kind}_time"
            assert getattr(storage, old)("f") == getattr(storage, new)("f")

    def test_a_missing_file_is_named(self, storage):
        """What is not there raises PathDoesNotExist with its name."""
        with pytest.raises(PathDoesNotExist) as caught:
            storage.open("d/f")
        assert caught.value.path == "d/f"

    def test_deleting_nothing_is_silent(self, storage):
        """delete() of a missing file does nothing."""
        assert storage.delete("f") is None

    def test_reading_handles_do_not_write(self, storage):
        """A file opened to be read refuses to be written."""
        storage.save("f", "text")
        with pytest.raises(io.UnsupportedOperation):
            storage.open("f").write(b"x")
        assert storage.open("f").read() == b"text"
