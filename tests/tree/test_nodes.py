"""The tree: what dj-inmemorystorage 2.1's nodes could do, and what keeps it whole."""

import errno
import io
import pickle

import pytest

from inmemorystorage import InMemoryDir, InMemoryFile, InMemoryStorage, PathDoesNotExist
from inmemorystorage.tree.nodes import Listing, Quota, total_size


@pytest.fixture
def root():
    """Return a directory with ``a.txt`` and ``docs/b.txt`` in it."""
    root = InMemoryDir()
    root.save("a.txt", b"a")
    root.save("docs/b.txt", "bé")
    return root


def test_entries_are_added_and_resolved():
    """A child is found at its name, with its parent and its name set."""
    root, file = InMemoryDir(), InMemoryFile("x")
    root.add_child("f", file)
    assert root.resolve("f") is file
    assert (file.parent, file.name, root.children) == (root, "f", {"f": file})


@pytest.mark.parametrize("path", ["docs/b.txt", "/docs/b.txt", "docs//b.txt", "./docs/x/../b.txt"])
def test_paths_are_normalised(root, path):
    """A path is read as os.path.normpath reads it, from this directory on."""
    assert root.resolve(path).content == "bé".encode()


@pytest.mark.parametrize("path", ["", ".", "/", "docs/.."])
def test_the_directory_itself_resolves(root, path):
    """Each way to say "here" is this directory."""
    assert root.resolve(path) is root


@pytest.mark.parametrize("path", ["x", "docs/x", "a.txt/x", "../a.txt", "x/y/z"])
def test_a_missing_path_is_named(root, path):
    """What is not there raises PathDoesNotExist with the path that was asked for."""
    with pytest.raises(PathDoesNotExist) as caught:
        root.resolve(path)
    assert caught.value.path == path
    assert not root.exists(path)


def test_resolve_can_create(root):
    """With create, an empty file is made, with the directories above it; only once."""
    node = root.resolve("x/y/z", create=True)
    assert (node.content, root.ls("x")) == (b"", ["y"])
    assert root.resolve("x/y/z", create=True) is node


def test_resolve_returns_the_file_that_another_thread_made(root):
    """resolve(create=True) keeps a file that appears after the first lookup."""

    class Late(InMemoryDir):
        __slots__ = ()

        def find(self, parts):
            """Find nothing, as if the file were not there yet."""

    late = Late()
    late.add_child("a.txt", InMemoryFile(b"first"))
    assert late.resolve("a.txt", create=True) is late.children["a.txt"]


@pytest.mark.parametrize("path", ["../x", "../x/y", "docs/../../x", "a\0b/c"])
def test_resolve_makes_no_directory_of_a_wrong_name(root, path):
    """resolve(create=True) refuses a name that no directory can have, and makes nothing."""
    with pytest.raises(ValueError, match="not a name for an entry"):
        root.resolve(path, create=True)
    assert root.ls() == ["a.txt", "docs"]


@pytest.mark.parametrize("path", ["a.txt/x", "a.txt/x/y"])
def test_a_file_is_no_directory(root, path):
    """Nothing is made below a file."""
    with pytest.raises(NotADirectoryError):
        root.resolve(path, create=True)


def test_listings(root):
    """ls names all entries, listdir tells directories from files."""
    assert root.ls() == ["a.txt", "docs"]
    assert root.ls("docs") == ["b.txt"]
    assert root.listdir() == (["docs"], ["a.txt"])
    assert root.listdir("docs") == [[], ["b.txt"]]


def test_a_file_cannot_be_listed(root):
    """listdir of a file is NotADirectoryError."""
    with pytest.raises(NotADirectoryError):
        root.listdir("a.txt")


def test_a_listing_equals_pairs_of_any_kind():
    """A listing equals the tuple and the list of its parts, and nothing else."""
    listing = Listing((["d"], ["f"]))
    assert listing == (["d"], ["f"])
    assert listing == [["d"], ["f"]]
    assert listing != (["d"], [])
    assert listing != "df"
    directories, files = listing
    assert (directories, files) == (["d"], ["f"])


def test_deleting(root):
    """delete takes a file, or a directory with all in it, and is silent for what is not there."""
    root.delete("docs")
    root.delete("docs")
    assert root.listdir() == ([], ["a.txt"])


def test_the_root_cannot_be_deleted(root):
    """A directory cannot delete itself."""
    with pytest.raises(OSError, match="busy") as caught:
        root.delete("")
    assert caught.value.errno == errno.EBUSY


def test_sizes(root):
    """size counts bytes, and is for files alone."""
    assert root.size("docs/b.txt") == 3
    assert total_size(root) == 4
    with pytest.raises(IsADirectoryError):
        root.size("docs")


def test_opening_reads_bytes_unless_asked_for_text(root):
    """open without a mode reads bytes, whatever was saved."""
    assert root.open("docs/b.txt").read() == "bé".encode()
    assert root.open("docs/b.txt", "r").read() == "bé"


def test_opening_to_write_makes_the_file_and_the_directories(root):
    """A mode that creates makes what is missing; each handle is its own."""
    with root.open("x/y", "w") as handle:
        handle.write("new")
    with root.open("x/y", "a") as handle:
        handle.write("er")
    assert root.open("x/y").read() == b"newer"


@pytest.mark.parametrize(
    ("path", "mode", "error"),
    [
        ("x", "rb", PathDoesNotExist),
        ("x", "r+", PathDoesNotExist),
        ("docs", "rb", IsADirectoryError),
        ("a.txt", "xb", FileExistsError),
        ("a.txt", "q", ValueError),
    ],
)
def test_opening_refuses_as_open_does(root, path, mode, error):
    """What open() would refuse is refused with its error."""
    with pytest.raises(error):
        root.open(path, mode)


def test_exclusive_creation_makes_a_new_file(root):
    """Mode x makes the file that is not there."""
    with root.open("new", "xb") as handle:
        handle.write(b"1")
    assert root.size("new") == 1


def test_saving_overwrites_and_returns_the_path(root):
    """save puts bytes or text in the place of what is there."""
    assert root.save("a.txt", "longer") == "a.txt"
    assert root.save("a.txt", b"s") == "a.txt"
    assert root.resolve("a.txt").content == b"s"


def test_a_directory_cannot_be_saved_over(root):
    """save refuses the name of a directory."""
    with pytest.raises(IsADirectoryError):
        root.save("docs", b"")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0"])
def test_names_that_no_entry_can_have_are_refused(name):
    """add_child says which names can be."""
    with pytest.raises(ValueError, match="not a name for an entry"):
        InMemoryDir().add_child(name, InMemoryFile())


def test_a_node_is_in_one_place(root):
    """A node that is in a directory cannot be put into another, nor a directory into itself."""
    with pytest.raises(ValueError, match="in a directory already"):
        InMemoryDir().add_child("x", root.resolve("a.txt"))
    with pytest.raises(ValueError, match="into itself"):
        root.resolve("docs").add_child("x", root)


def test_a_deleted_node_can_be_put_elsewhere(root):
    """What was deleted is free."""
    node = root.resolve("a.txt")
    root.delete("a.txt")
    root.add_child("b.txt", node)
    assert root.open("b.txt").read() == b"a"


def test_a_child_takes_the_place_of_another(root):
    """add_child replaces what has the name; a handle on that lives on."""
    handle = root.open("a.txt")
    root.add_child("a.txt", InMemoryFile(b"new"))
    assert root.open("a.txt").read() == b"new"
    assert handle.read() == b"a"


def test_the_constructor_of_2_1():
    """A file takes content, parent and name; text becomes UTF-8."""
    root = InMemoryDir()
    file = InMemoryFile("é", root, "f")
    assert (file.content, file.size, file.parent, file.name) == ("é".encode(), 2, root, "f")
    root.add_child("f", file)
    assert repr(file) == "<InMemoryFile: f>"


@pytest.mark.parametrize("content", [None, 3, io.BytesIO()])
def test_content_is_bytes_or_text(content):
    """Other content is a TypeError."""
    with pytest.raises(TypeError):
        InMemoryFile(content)


def test_content_is_kept_by_reference():
    """Bytes go in and come out as the object that they are."""
    content = b"x" * 1000
    assert InMemoryFile(content).content is content
    assert InMemoryFile(content).read_at(0) is content


def test_a_file_opens_itself():
    """A node can be opened without its path."""
    file = InMemoryFile(b"old", name="f")
    with file.open("w") as handle:
        handle.write("new!")
    assert (file.open().read(), file.open().name) == (b"new!", "f")


def test_partial_reads_between_writes_see_what_was_written():
    """A file that is being written in place is read at any position."""
    file = InMemoryFile(b"0123456789")
    file.write_at(2, b"xx")
    assert (file.read_at(1, 4), file.size, file.content) == (b"1xx4", 10, b"01xx456789")
    assert file.read_at(8) == b"89"


@pytest.mark.parametrize(("size", "content"), [(2, b"ab"), (4, b"abcd"), (6, b"abcd\0\0")])
def test_truncating_cuts_or_fills(size, content):
    """A file is cut, left alone, or filled with zeros."""
    file = InMemoryFile(b"abcd")
    file.truncate(size)
    assert file.content == content


def test_writing_nothing_changes_nothing():
    """A write of no bytes, as of POSIX, leaves a gap unfilled."""
    file = InMemoryFile(b"abc")
    assert file.write_at(9, b"") == 9
    assert file.content == b"abc"


def test_a_pickle_holds_the_tree(root):
    """A tree goes through a pickle with its files, and without what is of this process."""
    root.resolve("a.txt").write_at(None, b"+")
    copy = pickle.loads(pickle.dumps(root))
    assert copy.open("a.txt").read() == b"a+"
    assert copy.resolve("docs").parent is copy


@pytest.mark.parametrize(
    "change",
    [
        lambda children: children.pop("docs"),
        lambda children: children.popitem(),
        lambda children: children.clear(),
        lambda children: children.__delitem__("docs"),
        lambda children: children.__setitem__("docs", InMemoryDir()),
        lambda children: children.update(docs=InMemoryDir()),
        lambda children: children.__ior__({"docs": InMemoryDir()}),
    ],
)
def test_children_can_be_changed_by_hand(root, change):
    """Who takes entries out of ``children`` finds every storage of one mind with it."""
    storage = InMemoryStorage(root)
    assert storage.exists("docs/b.txt")
    change(root.children)
    assert not storage.exists("docs/b.txt")
    assert storage.save("docs/b.txt", b"new") == "docs/b.txt"
    assert storage.open("docs/b.txt").read() == b"new"


def test_a_deep_tree_is_counted():
    """A tree deeper than Python's stack has a size, and can be deleted."""
    root = InMemoryDir()
    root.make_directories(["d"] * 1200).add_child("f", InMemoryFile(b"123"))
    assert total_size(root) == 3
    root.delete("d")
    assert root.ls() == []


class TestQuota:
    """A directory with a quota."""

    @pytest.fixture
    def quota(self):
        """Return a quota of ten bytes."""
        return Quota(10, 0)

    @pytest.fixture
    def root(self, quota):
        """Return a directory that has the quota."""
        root = InMemoryDir()
        root.add_quota(quota)
        root.save("a", b"12345")
        return root

    def test_what_does_not_fit_changes_nothing(self, root, quota):
        """A write past the limit is ENOSPC, and all that was there stays."""
        with pytest.raises(OSError, match="No space left") as caught:
            root.save("sub/b", b"123456")
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(OSError, match="No space left"):
            root.resolve("a").write_at(0, b"12345678901")
        assert (root.resolve("a").content, quota.used) == (b"12345", 5)

    def test_what_goes_makes_room(self, root, quota):
        """Deleting, truncating and replacing give the bytes back."""
        root.resolve("a").truncate(2)
        root.save("b", b"12345678")
        root.delete("b")
        root.add_child("a", InMemoryFile(b"1234567890"))
        assert quota.used == total_size(root) == 10

    def test_quotas_nest(self, root, quota):
        """A write counts against each quota above it."""
        small = Quota(3, 0)
        root.make_directories(["sub"]).add_quota(small)
        with pytest.raises(OSError, match="No space left"):
            root.save("sub/b", b"1234")
        root.save("sub/b", b"123")
        assert (quota.used, small.used) == (8, 3)

    def test_a_deleted_file_counts_no_more(self, root, quota):
        """Who has a deleted file open can write to it without limit."""
        file = root.resolve("a")
        root.delete("a")
        file.write_at(0, b"x" * 100)
        assert quota.used == 0

    def test_zeros_count(self, root, quota):
        """Growing a file by truncate() is charged too."""
        with pytest.raises(OSError, match="No space left"):
            root.resolve("a").truncate(11)
        root.resolve("a").truncate(10)
        assert quota.used == 10

    def test_a_file_that_memory_cannot_hold_is_refused(self, quota):
        """Growing a file beyond all memory is ENOSPC, and counts for nothing."""
        quota.limit = 2**64
        root = InMemoryDir()
        root.add_quota(quota)
        file = root.resolve("a", create=True)
        with pytest.raises(OSError, match="No space left"):
            file.truncate(2**63 - 1)
        assert (file.size, quota.used) == (0, 0)

    def test_a_quota_that_nobody_keeps_is_gone(self, root, quota):
        """A quota lives as long as the storage that wants it."""
        root.add_quota(Quota(1, 0))
        root.save("b", b"12345")
        assert list(root.quotas) == [quota]
