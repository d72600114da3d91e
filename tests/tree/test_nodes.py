"""Nodes: the methods of dj-inmemorystorage 2.1, and what keeps a tree consistent."""

import copy
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


def test_child_is_found_by_its_name():
    """add_child() sets the parent and the name of a child, and resolve() finds it."""
    root, file = InMemoryDir(), InMemoryFile("x")
    root.add_child("f", file)
    assert root.resolve("f") is file
    assert (file.parent, file.name, root.children) == (root, "f", {"f": file})


@pytest.mark.parametrize("path", ["docs/b.txt", "/docs/b.txt", "docs//b.txt", "./docs/x/../b.txt"])
def test_paths_are_normalized(root, path):
    """resolve() normalizes a path as os.path.normpath() does."""
    assert root.resolve(path).content == "bé".encode()


@pytest.mark.parametrize("path", ["", ".", "/", "docs/.."])
def test_empty_path_is_the_directory(root, path):
    """resolve() returns the directory itself for each path that means it."""
    assert root.resolve(path) is root


@pytest.mark.parametrize("path", ["x", "docs/x", "a.txt/x", "../a.txt", "x/y/z"])
def test_missing_path_raises_with_the_path(root, path):
    """resolve() raises PathDoesNotExist with the path as it was passed."""
    with pytest.raises(PathDoesNotExist) as caught:
        root.resolve(path)
    assert caught.value.path == path
    assert not root.exists(path)


def test_resolve_creates_a_file(root):
    """resolve(create=True) makes an empty file and the directories above it, once."""
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
def test_resolve_creates_nothing_below_a_file(root, path):
    """resolve(create=True) raises NotADirectoryError below a file."""
    with pytest.raises(NotADirectoryError):
        root.resolve(path, create=True)


def test_ls_and_listdir_return_the_entries(root):
    """ls() returns all entries, listdir() separates directories from files."""
    assert root.ls() == ["a.txt", "docs"]
    assert root.ls("docs") == ["b.txt"]
    assert root.listdir() == (["docs"], ["a.txt"])
    assert root.listdir("docs") == [[], ["b.txt"]]


def test_listdir_of_a_file_raises(root):
    """listdir() of a file raises NotADirectoryError."""
    with pytest.raises(NotADirectoryError):
        root.listdir("a.txt")


def test_listing_equals_tuples_and_lists():
    """A listing equals the tuple and the list of its parts, and nothing else."""
    listing = Listing((["d"], ["f"]))
    assert listing == (["d"], ["f"])
    assert listing == [["d"], ["f"]]
    assert listing != (["d"], [])
    assert listing != "df"
    directories, files = listing
    assert (directories, files) == (["d"], ["f"])


def test_delete_removes_a_directory(root):
    """delete() removes a directory with its entries, and ignores a missing path."""
    root.delete("docs")
    root.delete("docs")
    assert root.listdir() == ([], ["a.txt"])


def test_delete_of_the_directory_itself_raises(root):
    """delete() of the directory itself raises EBUSY."""
    with pytest.raises(OSError, match="busy") as caught:
        root.delete("")
    assert caught.value.errno == errno.EBUSY


def test_size_counts_bytes(root):
    """size() returns the bytes of a file, and raises for a directory."""
    assert root.size("docs/b.txt") == 3
    assert total_size(root) == 4
    with pytest.raises(IsADirectoryError):
        root.size("docs")


def test_open_reads_bytes_by_default(root):
    """open() without a mode reads bytes, and text in a text mode."""
    assert root.open("docs/b.txt").read() == "bé".encode()
    assert root.open("docs/b.txt", "r").read() == "bé"


def test_open_for_writing_makes_file_and_directories(root):
    """open() for writing makes the file and the directories above it."""
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
def test_open_raises_as_builtin_open(root, path, mode, error):
    """open() raises the errors of the built-in open()."""
    with pytest.raises(error):
        root.open(path, mode)


def test_open_exclusively_makes_a_new_file(root):
    """open() in mode x makes a file that does not exist."""
    with root.open("new", "xb") as handle:
        handle.write(b"1")
    assert root.size("new") == 1


def test_save_overwrites_and_returns_the_path(root):
    """save() replaces the content of a file by bytes or text, and returns the path."""
    assert root.save("a.txt", "longer") == "a.txt"
    assert root.save("a.txt", b"s") == "a.txt"
    assert root.resolve("a.txt").content == b"s"


def test_save_over_a_directory_raises(root):
    """save() over a directory raises IsADirectoryError."""
    with pytest.raises(IsADirectoryError):
        root.save("docs", b"")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0"])
def test_add_child_refuses_wrong_names(name):
    """add_child() refuses a name that no entry can have."""
    with pytest.raises(ValueError, match="not a name for an entry"):
        InMemoryDir().add_child(name, InMemoryFile())


def test_node_is_in_one_directory(root):
    """add_child() refuses a node of another directory, and a directory inside itself."""
    with pytest.raises(ValueError, match="in a directory already"):
        InMemoryDir().add_child("x", root.resolve("a.txt"))
    with pytest.raises(ValueError, match="into itself"):
        root.resolve("docs").add_child("x", root)


def test_deleted_node_can_be_added_again(root):
    """add_child() takes a node that was deleted elsewhere."""
    node = root.resolve("a.txt")
    root.delete("a.txt")
    root.add_child("b.txt", node)
    assert root.open("b.txt").read() == b"a"


def test_add_child_replaces_an_entry(root):
    """add_child() replaces an entry; open handles on the old one keep working."""
    handle = root.open("a.txt")
    root.add_child("a.txt", InMemoryFile(b"new"))
    assert root.open("a.txt").read() == b"new"
    assert handle.read() == b"a"


def test_constructor_of_2_1():
    """A file takes content, parent and name, and keeps text as UTF-8."""
    root = InMemoryDir()
    file = InMemoryFile("é", root, "f")
    assert (file.content, file.size, file.parent, file.name) == ("é".encode(), 2, root, "f")
    root.add_child("f", file)
    assert repr(file) == "<InMemoryFile: f>"


@pytest.mark.parametrize("content", [None, 3, io.BytesIO()])
def test_other_content_raises(content):
    """A file refuses content that is neither bytes nor text."""
    with pytest.raises(TypeError):
        InMemoryFile(content)


def test_content_is_kept_by_reference():
    """A file returns the bytes object that it was given."""
    content = b"x" * 1000
    assert InMemoryFile(content).content is content
    assert InMemoryFile(content).read_at(0) is content


def test_file_can_be_opened_directly():
    """InMemoryFile.open() opens a file without its path."""
    file = InMemoryFile(b"old", name="f")
    with file.open("w") as handle:
        handle.write("new!")
    assert (file.open().read(), file.open().name) == (b"new!", "f")


def test_partial_reads_see_preceding_writes():
    """A partial read returns what was written in place before."""
    file = InMemoryFile(b"0123456789")
    file.write_at(2, b"xx")
    assert (file.read_at(1, 4), file.size, file.content) == (b"1xx4", 10, b"01xx456789")
    assert file.read_at(8) == b"89"


@pytest.mark.parametrize(("size", "content"), [(2, b"ab"), (4, b"abcd"), (6, b"abcd\0\0")])
def test_truncate_cuts_or_fills(size, content):
    """truncate() cuts a file, leaves it, or fills it with zeros."""
    file = InMemoryFile(b"abcd")
    file.truncate(size)
    assert file.content == content


def test_empty_write_changes_nothing():
    """A write of no bytes leaves a gap unfilled, as POSIX specifies."""
    file = InMemoryFile(b"abc")
    assert file.write_at(9, b"") == 9
    assert file.content == b"abc"


def test_pickle_has_the_tree(root):
    """A pickle of a tree has its files, and no quota or mirror of this process."""
    root.resolve("a.txt").write_at(None, b"+")
    other = pickle.loads(pickle.dumps(root))
    assert other.open("a.txt").read() == b"a+"
    assert other.resolve("docs").parent is other


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
def test_storages_see_changes_of_children_by_hand(root, change):
    """Each storage sees an entry that was removed from ``children`` by hand."""
    storage = InMemoryStorage(root)
    assert storage.exists("docs/b.txt")
    change(root.children)
    assert not storage.exists("docs/b.txt")
    assert storage.save("docs/b.txt", b"new") == "docs/b.txt"
    assert storage.open("docs/b.txt").read() == b"new"


def test_deep_tree_has_a_size():
    """A tree deeper than Python recurses has a size, and can be deleted."""
    root = InMemoryDir()
    root.make_directories(["d"] * 1200).add_child("f", InMemoryFile(b"123"))
    assert total_size(root) == 3
    root.delete("d")
    assert root.ls() == []


def test_pickle_of_a_directory_has_its_tree(root):
    """A pickle of a directory or a file has the tree that it is in, and its place there."""
    docs, file = pickle.loads(pickle.dumps([root.resolve("docs"), root.resolve("docs/b.txt")]))
    assert docs.parent.open("a.txt").read() == b"a"
    assert docs.children["b.txt"] is file


def test_pickle_of_a_removed_directory(root):
    """A pickle of a directory that was removed by hand has its files."""
    docs = root.children.pop("docs")
    assert pickle.loads(pickle.dumps(docs)).open("b.txt").read() == "bé".encode()


def pickled(root):
    """Return a tree after a round trip through pickle."""
    return pickle.loads(pickle.dumps(root))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled])
def test_deep_tree_can_be_copied(duplicate):
    """A tree deeper than Python recurses can be copied and pickled, with its times."""
    root = InMemoryDir()
    directory = root.make_directories(["d"] * 5000)
    directory.add_child("f", InMemoryFile(b"123"))
    directory.modified = 1_000_000_000
    other = duplicate(root)
    directory = other.make_directories(["d"] * 5000)
    assert (directory.open("f").read(), directory.modified) == (b"123", 1_000_000_000)


class TestQuota:
    """Quotas of directories."""

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

    def test_write_past_the_quota_changes_nothing(self, root, quota):
        """A write past the quota raises ENOSPC, and changes nothing."""
        with pytest.raises(OSError, match="No space left") as caught:
            root.save("sub/b", b"123456")
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(OSError, match="No space left"):
            root.resolve("a").write_at(0, b"12345678901")
        assert (root.resolve("a").content, quota.used) == (b"12345", 5)

    def test_removed_bytes_are_free_again(self, root, quota):
        """Deleting, truncating and replacing a file free its bytes."""
        root.resolve("a").truncate(2)
        root.save("b", b"12345678")
        root.delete("b")
        root.add_child("a", InMemoryFile(b"1234567890"))
        assert quota.used == total_size(root) == 10

    def test_write_is_charged_to_all_quotas_above(self, root, quota):
        """A write is charged to each quota above it."""
        small = Quota(3, 0)
        root.make_directories(["sub"]).add_quota(small)
        with pytest.raises(OSError, match="No space left"):
            root.save("sub/b", b"1234")
        root.save("sub/b", b"123")
        assert (quota.used, small.used) == (8, 3)

    def test_deleted_file_is_not_charged(self, root, quota):
        """A write to a deleted file through an open handle is not charged."""
        file = root.resolve("a")
        root.delete("a")
        file.write_at(0, b"x" * 100)
        assert quota.used == 0

    def test_zeros_are_charged(self, root, quota):
        """truncate() charges the zeros that it adds."""
        with pytest.raises(OSError, match="No space left"):
            root.resolve("a").truncate(11)
        root.resolve("a").truncate(10)
        assert quota.used == 10

    def test_file_larger_than_memory_raises(self, quota):
        """Growing a file beyond the largest offset raises ENOSPC, and charges nothing."""
        quota.limit = 2**64
        root = InMemoryDir()
        root.add_quota(quota)
        file = root.resolve("a", create=True)
        with pytest.raises(OSError, match="No space left"):
            file.write_at(2**63 - 1, b"x")
        assert (file.size, quota.used) == (0, 0)

    def test_quota_ends_with_its_last_reference(self, root, quota):
        """A quota ends when its storage no longer refers to it."""
        root.add_quota(Quota(1, 0))
        root.save("b", b"12345")
        assert list(root.quotas) == [quota]
