"""InMemoryStorage: the behavior beyond the contract that every storage keeps."""

import errno
import gc
import io
import os
import threading
from pathlib import Path
from unittest import mock

import pytest
import time_machine
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, base
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile

from inmemorystorage import InMemoryDir, InMemoryStorage, PathDoesNotExist, naming


@pytest.fixture
def storage():
    """Return a storage with its own tree."""
    return InMemoryStorage()


@pytest.fixture(params=["memory", "filesystem"])
def either(request, tmp_path):
    """Return a storage of either behavior, at its own location."""
    return InMemoryStorage(location=tmp_path, behaves_like=request.param)


class Readable:
    """An object with read() only, the least that save() takes."""

    def __init__(self, content):
        self.left = [content]

    def read(self, size=-1):
        """Return the whole content, then nothing."""
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
def test_save_takes_bytes_text_files_and_readables(either, make_content):
    """save() stores bytes, text, files of all kinds and readable objects as bytes."""
    assert either.save("f", make_content("café")) == "f"
    assert either.open("f").read() == "café".encode()


def test_save_reads_from_the_start_to_the_end(either):
    """save() reads a content from its start, and leaves it at its end, as chunks() does."""
    content = ContentFile(b"12345")
    content.seek(3)
    either.save("f", content)
    assert (either.size("f"), content.tell()) == (5, 5)


def test_content_is_not_copied(storage):
    """open().read() returns the bytes object that was saved."""
    content = b"x" * 100_000
    storage.save("f", ContentFile(content))
    assert storage.open("f").read() is content
    storage.save("g", storage.open("f"))
    assert storage.open("g").read() is content


def test_save_without_a_name_uses_the_contents(either):
    """save(None, …) uses the name of the content."""
    assert either.save(None, ContentFile(b"", name="own.txt")) == "own.txt"


def test_save_of_bytes_and_text_raises(storage):
    """save() raises TypeError for text after bytes, and stores nothing."""
    with pytest.raises(TypeError, match="yields str after bytes"):
        storage.save("f", mock.Mock(chunks=lambda: iter([b"a", "b"]), spec=["chunks"]))
    assert not storage.exists("f")


def failing_chunks():
    """Yield one chunk, then fail."""
    yield b"half"
    raise OSError("gone")


@pytest.mark.parametrize(("behaves_like", "is_left"), [("memory", False), ("filesystem", True)])
def test_save_that_fails_half_way(tmp_path, behaves_like, is_left):
    """save() keeps the chunks before an error as a disk does, and nothing in memory."""
    storage = InMemoryStorage(location=tmp_path, behaves_like=behaves_like)
    with pytest.raises(OSError, match="gone"):
        storage.save("f", mock.Mock(chunks=failing_chunks, spec=["chunks"]))
    assert storage.exists("f") is is_left


def test_name_taken_while_the_content_is_read(either):
    """save() retries under another name when its name is taken while it reads."""

    def chunks():
        either.save("f", b"theirs")
        yield b"ours"

    name = either.save("f", mock.Mock(chunks=chunks, spec=["chunks"]))
    assert (either.open("f").read(), either.open(name).read()) == (b"theirs", b"ours")


def test_save_removes_a_temporary_upload(either):
    """save() removes the temporary file of an upload, as FileSystemStorage moves it."""
    with TemporaryUploadedFile("f.txt", "text/plain", 4, None) as upload:
        upload.write(b"data")
        upload.flush()
        either.save("f.txt", upload)
        assert not os.path.exists(upload.temporary_file_path())
    assert either.open("f.txt").read() == b"data"


@pytest.mark.parametrize("name", ["../f", "/f", "d/../../f", "", ".", "d/..", "d/."])
def test_save_refuses_hostile_names(either, name):
    """save() refuses a name that leads outside or names no file, and stores nothing."""
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
    """Return an alternative name with a prefix."""
    return f"h-{root}{ext}"


@pytest.mark.parametrize("hook", HOOKS)
def test_save_calls_each_hook_of_a_subclass(hook):
    """save() calls each hook that a subclass overrides."""
    methods = {"get_alternative_name": alternative, hook: HOOKS[hook]}
    storage = type("Hooked", (InMemoryStorage,), methods)()
    storage.filesystem.save("f.txt", b"taken")
    assert storage.save("f.txt", b"x") == "h-f.txt"


@pytest.mark.parametrize("hook", HOOKS)
def test_save_calls_each_hook_of_an_instance(storage, hook):
    """save() calls each hook that a test patches on an instance."""
    storage.save("f.txt", b"taken")
    with (
        mock.patch.object(storage, "get_alternative_name", lambda *args: alternative(None, *args)),
        mock.patch.object(storage, hook, lambda *args, **kw: HOOKS[hook](None, *args, **kw)),
    ):
        assert storage.save("f.txt", b"x") == "h-f.txt"


def test_save_calls_a_hook_patched_on_djangos_storage(storage):
    """save() calls a hook that a test patches on Django's Storage."""
    with mock.patch.object(Storage, "get_alternative_name", alternative):
        storage.save("f.txt", b"taken")
        assert storage.save("f.txt", b"x") == "h-f.txt"


class Asked(InMemoryStorage):
    """A storage that counts the questions of save()."""

    def __init__(self, **options):
        self.asked = []
        super().__init__(**options)

    def get_available_name(self, name, max_length=None):
        """Count the question."""
        self.asked.append(("get", name))
        return super().get_available_name(name, max_length=max_length)

    def is_name_available(self, name, max_length=None):
        """Count the question."""
        self.asked.append(("is", name))
        return super().is_name_available(name, max_length=max_length)

    def get_alternative_name(self, root, ext):
        """Return a name that is not random."""
        return f"{root}{len(self.asked)}{ext}"


@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
@pytest.mark.parametrize("taken", [[], ["é.txt"], ["é.txt", "é2.txt"]])
def test_each_hook_is_asked_once(tmp_path, behaves_like, taken):
    """save() asks each hook once for each name, and stores under the name that it returns."""
    storage = Asked(location=tmp_path, behaves_like=behaves_like)
    for name in taken:
        storage.open(name, "w").close()
    expected = ["é.txt", "é2.txt", "é3.txt"][: len(taken) + 1]
    assert storage.save("é.txt", b"x") == expected[-1]
    assert storage.asked == [("get", "é.txt"), *(("is", name) for name in expected)]
    assert storage.open(expected[-1]).read() == b"x"


def djangos_storage(location):
    """Return Django's storage for the disk, which takes bytes."""
    storage = FileSystemStorage(location)
    storage.save = lambda name, content, max_length=None: FileSystemStorage.save(
        storage, name, ContentFile(content), max_length
    )
    return storage


NAMES = ["a\\b.txt", "../a.txt", "d/../a", "", "/a", "d/", "\ud800", Path("d/a.txt"), None, 3]


def outcomes(tmp_path, behaves_like, use):
    """Return what using Django's storage for the disk returns or raises and leaves, then ours."""
    (tmp_path / "disk").mkdir()
    for storage in [
        djangos_storage(tmp_path / "disk"),
        InMemoryStorage(location=tmp_path / "memory", behaves_like=behaves_like),
    ]:
        try:
            done = use(storage)
        except Exception as error:
            done = type(error)
        yield done, list_all(storage)


@pytest.mark.parametrize("returned", NAMES, ids=ascii)
@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_odd_names_of_a_hook(tmp_path, behaves_like, returned):
    """save() refuses or stores the name that a hook returns, as Django's storage does."""

    def use(storage):
        with mock.patch.object(storage, "get_available_name", return_value=returned):
            return storage.save("f", b"x")

    djangos, ours = outcomes(tmp_path, behaves_like, use)
    assert ours == djangos


def list_all(storage):
    """Return the directories and the files at the top, and in each directory."""
    directories, files = storage.listdir("")
    return directories, sorted(files), [storage.listdir(each)[1] for each in directories]


TAKEN = ["a", "a.txt", "a.tar.gz", ".a", "a.", "a..b", "d/a.b/c", "é日.txt", "a" * 20 + ".txt"]


@pytest.mark.parametrize("max_length", [None, 100, 13])
@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_alternative_names_are_djangos(tmp_path, behaves_like, name, max_length):
    """save() under a taken name chooses the name that Django's storage chooses."""

    def use(storage):
        letters = ["abcdefg", "abcdefg", "hijklmn", "opqrstu", "vwxyzab", "cdefghi"]
        with mock.patch.object(base, "get_random_string", side_effect=letters):
            return [storage.save(name, b"x", max_length=max_length) for _ in range(3)]

    djangos, ours = outcomes(tmp_path, behaves_like, use)
    assert ours == djangos


def test_lent_paths_draw_one_alternative_name():
    """save() asks for one alternative name while a path of the tree is lent."""
    storage = InMemoryStorage(lend_paths=True)
    storage.path(storage.save("a.txt", b"lent"))
    with mock.patch.object(base, "get_random_string", side_effect=["abcdefg"]):
        assert storage.save("a.txt", b"x") == "a_abcdefg.txt"


@pytest.mark.parametrize("alternative", ["../g", "d\\g", "x" * 20])
def test_patched_alternative_names(tmp_path, alternative):
    """save() takes a patched alternative name as Django's storage does."""

    def use(storage):
        storage.save("f.txt", b"taken")
        with mock.patch.object(Storage, "get_alternative_name", return_value=alternative):
            return storage.save("f.txt", b"x", max_length=15)

    djangos, ours = outcomes(tmp_path, "memory", use)
    assert ours == djangos


def test_names_before_django_5_1(storage, monkeypatch):
    """save() answers exists(), which Django before 5.1 calls to find a free name."""

    def get_available_name(self, name, max_length=None):
        while self.exists(name):
            name = self.get_alternative_name("a", ".txt")
        return name

    monkeypatch.setattr(Storage, "get_available_name", get_available_name)
    monkeypatch.setattr(naming, "_get_available_name", get_available_name)
    with mock.patch.object(base, "get_random_string", side_effect=["abcdefg", "hijklmn"]):
        names = [storage.save("a.txt", b"") for _ in range(3)]
    assert names == ["a.txt", "a_abcdefg.txt", "a_hijklmn.txt"]


def test_name_below_a_file(either):
    """save() raises for a name below a file, whatever the file is called."""
    either.save("f.txt", b"taken")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        either.save("f.txt/g.txt", b"x")


def test_path_of_a_subclass_is_called_for_every_name(tmp_path):
    """A storage finds each name at the path that an overridden path() returns."""

    class Prefixed(InMemoryStorage):
        def path(self, name):
            return super().path(f"prefix/{name}")

    storage = Prefixed(location=tmp_path, behaves_like="filesystem")
    assert storage.save("f", b"x") == "prefix/f"
    assert storage.exists("f")
    assert InMemoryStorage(location=tmp_path, behaves_like="filesystem").exists("prefix/f")


class Overwriting(InMemoryStorage):
    """A storage as many projects have it, whose save() keeps a taken name."""

    def get_available_name(self, name, max_length=None):
        """Return the name unchanged."""
        return name


def test_taken_name_is_overwritten_in_memory(tmp_path):
    """save() overwrites a taken name in memory if get_available_name() returns it."""
    storage = Overwriting(location=tmp_path)
    assert [storage.save("f", content) for content in (b"1", b"2")] == ["f", "f"]
    assert storage.open("f").read() == b"2"


def test_taken_name_raises_as_a_filesystem(tmp_path):
    """save() raises, where FileSystemStorage loops, if get_available_name() returns it."""
    storage = Overwriting(location=tmp_path, behaves_like="filesystem")
    storage.save("f", b"1")
    with pytest.raises(FileExistsError, match="allow_overwrite=True"):
        storage.save("f", b"2")
    assert storage.open("f").read() == b"1"


def test_overridden_location_may_take_a_lock(tmp_path):
    """A storage reads an overridden location without holding its lock."""
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


def test_save_past_max_size_changes_nothing(either):
    """save() past max_size raises ENOSPC, and keeps the files."""
    storage = InMemoryStorage(filesystem=either.filesystem, max_size=10)
    storage.save("a", b"123456")
    with pytest.raises(OSError, match="No space left") as caught:
        storage.save("b", b"12345")
    assert caught.value.errno == errno.ENOSPC
    assert (storage.exists("b"), storage.open("a").read()) == (False, b"123456")


def test_handle_past_max_size_raises(storage):
    """A handle that writes past max_size raises ENOSPC when its buffer is written."""
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


def test_max_size_counts_existing_files(storage):
    """max_size counts the files that were there before."""
    storage.save("a", b"123456")
    limited = InMemoryStorage(storage.filesystem, max_size=8)
    with pytest.raises(OSError, match="No space left"):
        limited.save("b", b"123")
    limited.save("b", b"12")


def test_max_size_ends_with_its_storage(tmp_path):
    """The smaller max_size of two storages holds as long as its storage exists."""
    options = {"location": tmp_path, "behaves_like": "filesystem"}
    small, large = (InMemoryStorage(max_size=size, **options) for size in (5, 50))
    small.save("a", b"123")
    with pytest.raises(OSError, match="No space left"):
        large.save("b", b"123")
    del small
    gc.collect()
    large.save("b", b"123")


def test_open_handle_after_overwriting(tmp_path):
    """An open handle keeps the old content in memory, and reads the new one as on a disk."""
    for behaves_like, expected in (("memory", b"old"), ("filesystem", b"new")):
        storage = InMemoryStorage(
            location=tmp_path, behaves_like=behaves_like, allow_overwrite=True
        )
        storage.save("f", b"old")
        with storage.open("f") as handle:
            assert storage.save("f", b"new") == "f"
            assert handle.read() == expected


def test_overwriting_a_directory_raises(tmp_path):
    """save() with allow_overwrite raises IsADirectoryError for a directory."""
    storage = InMemoryStorage(location=tmp_path, allow_overwrite=True)
    storage.save("d/f", b"")
    with pytest.raises(IsADirectoryError):
        storage.save("d", b"")


def test_size_of_a_directory(either):
    """size() of a directory returns ext4's as a filesystem, and raises in memory."""
    either.save("d/f", b"")
    if either.behavior.directory_size is None:
        with pytest.raises(IsADirectoryError):
            either.size("d")
    else:
        assert either.size("d") == 4096


def test_delete_of_a_directory_with_entries(tmp_path):
    """delete() removes a directory with entries in memory, and raises as a filesystem."""
    for behaves_like in ("memory", "filesystem"):
        storage = InMemoryStorage(location=tmp_path, behaves_like=behaves_like)
        storage.save("d/e/f", b"")
        if behaves_like == "memory":
            storage.delete("d")
            assert not storage.exists("d")
        else:
            with pytest.raises(OSError, match="not empty"):
                storage.delete("d")


def test_delete_of_a_missing_file_in_memory(storage):
    """delete() ignores a missing file in memory, also below a file."""
    storage.save("f", b"")
    storage.delete("f/x")
    storage.delete("nothing")
    assert storage.exists("f")


def test_delete_of_the_root_raises(storage):
    """delete() of the storage's own directory raises EBUSY."""
    with pytest.raises(OSError, match="busy"):
        storage.delete(".")


def test_path_names_the_cure(storage):
    """path() of a storage without paths raises Django's error, and names lend_paths."""
    with pytest.raises(NotImplementedError, match="lend_paths=True"):
        storage.path("f")


@pytest.mark.parametrize(
    "name", ["", "x/y", "a b&c.txt", "/lead", "../up", "é.png", "q?x=1", "a:b"]
)
@pytest.mark.parametrize("base_url", ["/media/", "https://cdn.example/m/", "/no-slash"])
def test_url_is_that_of_filesystemstorage(name, base_url):
    """url() returns the URL that FileSystemStorage returns."""
    from django.core.files.storage import FileSystemStorage

    ours, theirs = InMemoryStorage(base_url=base_url), FileSystemStorage(base_url=base_url)
    assert ours.url(name) == theirs.url(name)


def test_operations_do_not_call_exists(either):
    """open() and delete() do not call an exists() that a subclass overrides."""

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
def test_refused_name_raises_without_context(either, operation):
    """An operation raises one error for a name outside, without a context."""
    with pytest.raises(SuspiciousFileOperation) as caught:
        getattr(either, operation)("../f")
    assert caught.value.__context__ is None


class TestVersion21:
    """The API of dj-inmemorystorage 2.1."""

    def test_positional_arguments(self):
        """The filesystem and the base URL are the first two arguments."""
        root = InMemoryDir()
        storage = InMemoryStorage(root, "http://cdn/")
        assert storage.filesystem is root
        assert storage.url("x") == "http://cdn/x"

    def test_imports(self):
        """inmemorystorage.storage has the four names of 2.1."""
        from inmemorystorage import storage

        names = ["InMemoryStorage", "InMemoryDir", "InMemoryFile", "PathDoesNotExist"]
        assert all(hasattr(storage, name) for name in names)

    def test_listings_compare_to_lists(self, storage):
        """listdir() equals a list of lists and a tuple of lists."""
        storage.save("d/f", b"")
        assert storage.listdir("") == [["d"], []]
        assert storage.listdir("d") == ([], ["f"])

    def test_slash_is_the_root(self, storage):
        """listdir("/") lists the storage; other names with a slash lead out of it."""
        storage.save("d/f", b"")
        assert storage.listdir("/") == [["d"], []]
        with pytest.raises(SuspiciousFileOperation):
            storage.listdir("/d")

    def test_old_names_of_times(self, storage):
        """accessed_time(), created_time() and modified_time() return the get_ forms."""
        storage.save("f", b"")
        for kind in ("accessed", "created", "modified"):
            old, new = f"{kind}_time", f"get_{kind}_time"
            assert getattr(storage, old)("f") == getattr(storage, new)("f")

    def test_missing_file_raises_with_its_name(self, storage):
        """open() of a missing file raises PathDoesNotExist with its name."""
        with pytest.raises(PathDoesNotExist) as caught:
            storage.open("d/f")
        assert caught.value.path == "d/f"

    def test_delete_of_a_missing_file_does_nothing(self, storage):
        """delete() of a missing file returns None."""
        assert storage.delete("f") is None

    def test_reading_handle_refuses_to_write(self, storage):
        """A file opened for reading refuses to be written."""
        storage.save("f", "text")
        with pytest.raises(io.UnsupportedOperation):
            storage.open("f").write(b"x")
        assert storage.open("f").read() == b"text"


ACCESSES = {
    "open to read": lambda storage: storage.open("d/f").close(),
    "open to append": lambda storage: storage.open("d/f", "a").close(),
    "reopen": lambda storage: storage.handle.open().close(),
    "read": lambda storage: storage.handle.open().read(),
}


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_accessed_time_of_a_file(behaves_like, access, tmp_path):
    """Opening a file changes its accessed time in the memory row, reading it in both."""
    storage = InMemoryStorage(behaves_like=behaves_like, location=tmp_path)
    with time_machine.travel(1_000_000_000, tick=False) as clock:
        storage.save("d/f", b"content")
        storage.handle = storage.open("d/f")
        storage.handle.close()
        before = storage.get_accessed_time("d/f")
        clock.shift(1)
        ACCESSES[access](storage)
        changes = storage.get_accessed_time("d/f") > before
    assert changes == (behaves_like == "memory" or access == "read")


@pytest.mark.parametrize("change", ["save", "delete"])
@pytest.mark.parametrize("behaves_like", ["memory", "filesystem"])
def test_accessed_time_of_a_directory(behaves_like, change, tmp_path):
    """A new or a deleted entry changes a directory's accessed time in the memory row."""
    storage = InMemoryStorage(behaves_like=behaves_like, location=tmp_path)
    with time_machine.travel(1_000_000_000, tick=False) as clock:
        storage.save("d/f", b"content")
        before = storage.get_accessed_time("d")
        clock.shift(1)
        {"save": lambda: storage.save("d/g", b""), "delete": lambda: storage.delete("d/f")}[
            change
        ]()
        assert (storage.get_accessed_time("d") > before) == (behaves_like == "memory")
