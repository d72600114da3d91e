"""`manage.py storage`, on storages of all kinds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from projects import Project, make_project
from serving.stocked import stock

from inmemorystorage.serving import progress as progress_module
from inmemorystorage.serving.display import human_size
from inmemorystorage.serving.management.commands.storage import Command
from inmemorystorage.serving.progress import Progress, crop, terminal_columns, width

MEMORY = "inmemorystorage.InMemoryStorage"
DISK = "django.core.files.storage.FileSystemStorage"
NAMES = ("a.txt", "d/b.txt", "d/e/c.txt")


@pytest.fixture(autouse=True)
def _aliases(settings: Any, tmp_path: Path) -> None:
    """Have an alias for each kind of storage."""
    like = {"behaves_like": "filesystem", "location": str(tmp_path / "like")}
    (tmp_path / "linked").symlink_to(tmp_path / "disk")
    kinds = {
        "default": (MEMORY, {}),
        "other": (MEMORY, {}),  # equal to the default, with a tree of its own
        "like_disk": (MEMORY, like),
        "like_twin": (MEMORY, like),
        "disk": (DISK, {"location": tmp_path / "disk"}),
        "twin": (DISK, {"location": tmp_path / "linked"}),
        "django": ("django.core.files.storage.InMemoryStorage", {}),
        "bucket": ("serving.stocked.Bucket", {}),
        "unlisted": ("serving.stocked.Unlisted", {}),
        "over": ("serving.stocked.Bucket", {"get_available_name": keep_name}),
        "broken": ("nowhere.Storage", {}),
    }
    settings.STORAGES = {
        alias: {"BACKEND": backend, "OPTIONS": options}
        for alias, (backend, options) in kinds.items()
    }


KINDS = ["default", "other", "like_disk", "disk", "django", "bucket"]
all_kinds = pytest.mark.parametrize("alias", KINDS)


def keep_name(name: str, max_length: int | None = None) -> str:
    """Insist on a name, as a storage does that overwrites."""
    return name


def run(*arguments: str, **options: Any) -> str:
    """Run the command; return what it wrote."""
    out = io.StringIO()
    call_command(Command(), *arguments, stdout=out, **options)
    return out.getvalue()


def fails(*arguments: str) -> str:
    """Run the command, which must fail; return what it says."""
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    return str(raised.value)


def files(alias: str) -> dict[str, bytes]:
    """Return all files of a storage."""
    lines = run("ls", "-R", f"{alias}:").splitlines()
    return {name: read(alias, name) for name in lines if not name.endswith("/")}


def read(alias: str, name: str) -> bytes:
    """Return the content of a file."""
    with storages[alias].open(name) as file:
        return bytes(file.read())


class Torn(io.BytesIO):
    """A file that breaks after its first megabyte."""

    error: BaseException = OSError(5, "Input/output error")

    def read(self, size: int | None = -1) -> bytes:
        """Read, or fail."""
        if self.tell() >= 1 << 20:
            raise self.error
        return super().read(size)


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a file that cannot be read to its end."""
    storage = stock(storages["bucket"], "torn", content=bytes(3 << 20))
    monkeypatch.setattr(storage, "_open", lambda name, mode: File(Torn(storage.files[name]), name))
    return "bucket:torn"


# ls


@all_kinds
def test_ls_lists_a_directory(alias: str) -> None:
    """Directories come first and have a slash."""
    stock(storages[alias], *NAMES)
    assert run("ls", f"{alias}:") == "d/\na.txt\n"
    assert run("ls", f"{alias}:d/") == "e/\nb.txt\n"


@all_kinds
def test_ls_lists_what_is_below(alias: str) -> None:
    """-R names everything below, relative to the directory."""
    stock(storages[alias], *NAMES)
    assert run("ls", "-R", f"{alias}:") == "d/\nd/e/\nd/e/c.txt\nd/b.txt\na.txt\n"
    assert run("ls", "-R", f"{alias}:d") == "e/\ne/c.txt\nb.txt\n"


@all_kinds
def test_an_empty_storage_is_empty(alias: str) -> None:
    """The root of a storage is there before there are files."""
    if alias == "disk":
        Path(storages["disk"].location).mkdir()
    assert run("ls", f"{alias}:") == ""
    assert run("tree", f"{alias}:") == f"{alias}:\n0 directories, 0 files\n"
    assert run("du", f"{alias}:") == f"0\t{alias}:\n"


def test_ls_tells_size_and_time(time_machine: Any, settings: Any) -> None:
    """-l has bytes and times; a directory has neither, and what is unknown is a question mark."""
    settings.TIME_ZONE = "UTC"
    time_machine.move_to("2026-01-02T20:30:40+00:00", tick=False)
    stock(storages["default"], "a.txt", "d/b")
    stock(storages["bucket"], "a.txt")
    lines = run("ls", "-l").splitlines() + run("ls", "-l", "bucket:").splitlines()
    assert lines == [
        f"{'-':>12}  {'-':16}  d/",
        f"{'7':>12}  2026-01-02 20:30  a.txt",
        f"{'7':>12}  {'?':16}  a.txt",
    ]


def test_ls_of_a_file_is_its_name() -> None:
    """A file is listed by the last part of its name."""
    stock(storages["default"], *NAMES)
    assert run("ls", "d/b.txt") == "b.txt\n"


def test_the_alias_may_be_left_out() -> None:
    """Without an alias, and without a name, it is the default storage's root."""
    stock(storages["default"], *NAMES)
    assert run("ls") == run("ls", ".") == run("ls", "/") == run("ls", "default:.")


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202egnp", "\udcff"])
def test_names_do_not_steer_the_terminal(name: str) -> None:
    """What a terminal would obey, or cannot show, is escaped wherever a name is written."""
    storages["bucket"].files[f"{name}/{name}"] = b""
    texts = [
        *(run("ls", "bucket:"), run("ls", "-lR", "bucket:"), run("tree", "bucket:")),
        *(run("du", "bucket:"), fails("cat", f"bucket:{name}")),
        fails("ls", f"bucket:{name}x"),
    ]
    for text in texts:
        assert name not in text and ascii(name)[1:-1] in text


def test_names_are_written_in_any_encoding() -> None:
    """What the output's encoding lacks is escaped."""
    stock(storages["default"], "é.txt")
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call_command(Command(), "ls", stdout=out)
    assert out.buffer.getvalue() == b"\\xe9.txt\n"  # type: ignore[attr-defined]


# tree


@all_kinds
def test_tree_draws_a_tree(alias: str) -> None:
    """Each name hangs at its directory, and all are counted."""
    stock(storages[alias], *NAMES, "d/e/f/g.txt", "z/y.txt")
    assert run("tree", f"{alias}:") == (
        f"{alias}:\n"
        "├── d/\n"
        "│   ├── e/\n"
        "│   │   ├── f/\n"
        "│   │   │   └── g.txt\n"
        "│   │   └── c.txt\n"
        "│   └── b.txt\n"
        "├── z/\n"
        "│   └── y.txt\n"
        "└── a.txt\n"
        "4 directories, 5 files\n"
    )


def test_tree_begins_anywhere() -> None:
    """The tree of a directory is its own; that of a file has no branches."""
    stock(storages["default"], *NAMES)
    assert run("tree", "d/e") == "default:d/e\n└── c.txt\n0 directories, 1 file\n"
    assert run("tree", "a.txt") == "default:a.txt\n0 directories, 0 files\n"


# cat


@all_kinds
def test_cat_writes_bytes(alias: str) -> None:
    """Files are written one after the other, byte for byte."""
    content = bytes(range(256)) * 1024
    stock(storages[alias], "a", content=content)
    stock(storages[alias], "b", "empty", content=b"")
    out = io.TextIOWrapper(io.BytesIO())
    call_command(Command(), "cat", f"{alias}:a", f"{alias}:empty", f"{alias}:a", stdout=out)
    assert out.buffer.getvalue() == content * 2  # type: ignore[attr-defined]


def test_cat_writes_text_where_there_is_no_buffer() -> None:
    """A StringIO gets text, also where a character lies across two chunks."""
    text = "x" + "é" * (1 << 16)
    stock(storages["default"], "a", content=text.encode())
    assert run("cat", "a") == text


def test_cat_refuses_what_is_no_file() -> None:
    """Nothing is written where one of the names is no file."""
    stock(storages["default"], *NAMES)
    assert fails("cat", "a.txt", "d").startswith("default:d is a directory")
    assert fails("cat", "a.txt/").startswith("default:a.txt is a file")


def test_cat_needs_no_listing() -> None:
    """A file is read where the storage cannot list; to list says what is missing."""
    stock(storages["unlisted"], "a")
    assert run("cat", "unlisted:a") == "content"
    assert fails("ls", "unlisted:") == "Unlisted cannot list its files."
    assert fails("cat", "unlisted:b") == "There is no unlisted:b."


# du


@all_kinds
def test_du_sums_up(alias: str) -> None:
    """Each directory has its bytes and those below, the whole comes last."""
    stock(storages[alias], *NAMES)
    assert run("du", f"{alias}:") == f"7\t{alias}:d/e\n14\t{alias}:d\n21\t{alias}:\n"
    assert run("du", "-s", f"{alias}:d") == f"14\t{alias}:d\n"
    assert run("du", f"{alias}:a.txt") == f"7\t{alias}:a.txt\n"


def test_du_is_readable() -> None:
    """-h gives units, as everywhere; --help helps."""
    stock(storages["default"], "a", content=bytes(1536))
    assert run("du", "-h") == "1.5 KiB\tdefault:\n"


def test_du_tells_what_it_leaves_out() -> None:
    """Files whose size is unknown are counted on the standard error."""
    storages["bucket"].size = Storage().size
    stock(storages["bucket"], "a", "b")
    err = io.StringIO()
    assert run("du", "bucket:", stderr=err) == "0\tbucket:\n"
    assert "The size of 2 files is unknown" in err.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB")),
        *((1023 * 1024, "1.0 MiB"), (5 << 30, "5.0 GiB"), (7000 << 50, "7000.0 PiB")),
    ],
)
def test_sizes_are_short(size: int, text: str) -> None:
    """A size is given in the unit that keeps it below a thousand."""
    assert human_size(size) == text


# cp


@all_kinds
@pytest.mark.parametrize("source", KINDS)
def test_cp_copies_a_file(source: str, alias: str) -> None:
    """A file is copied from any storage to any other."""
    if source != alias:
        stock(storages[source], "d/a.txt", content=bytes(200_000))
        run("cp", f"{source}:d/a.txt", f"{alias}:b.txt")
        assert files(alias) == {"b.txt": bytes(200_000)}
        assert files(source) == {"d/a.txt": bytes(200_000)}


@pytest.mark.parametrize(
    ("arguments", "copied"),
    [
        (["a.txt", "disk:b"], ["b"]),
        (["a.txt", "disk:"], ["a.txt"]),
        (["a.txt", "disk:new/"], ["new/a.txt"]),
        (["d/b.txt", "disk:there"], ["there/b.txt"]),
        (["d", "disk:new"], ["new/b.txt", "new/e/c.txt"]),
        (["d", "disk:new/"], ["new/b.txt", "new/e/c.txt"]),
        (["d/e", "disk:there"], ["there/e/c.txt"]),
        (["d/", "disk:"], ["d/b.txt", "d/e/c.txt"]),
        (["default:", "disk:"], ["a.txt", "d/b.txt", "d/e/c.txt"]),
        (["default:", "disk:new"], ["new/a.txt", "new/d/b.txt", "new/d/e/c.txt"]),
        (["a.txt", "d/e", "disk:there"], ["there/a.txt", "there/e/c.txt"]),
        (["a.txt", "d/e", "disk:new/"], ["new/a.txt", "new/e/c.txt"]),
    ],
)
def test_cp_puts_where_posix_does(arguments: list[str], copied: list[str]) -> None:
    """An existing directory takes copies in; a name that is free becomes the copy."""
    stock(storages["default"], *NAMES)
    stock(storages["disk"], "there/file")
    run("cp", *arguments)
    assert sorted(files("disk")) == sorted([*copied, "there/file"])


def test_cp_into_a_disk_that_is_not_there_yet() -> None:
    """The root of a storage need not exist."""
    stock(storages["default"], *NAMES)
    run("cp", "d", "disk:")
    assert sorted(files("disk")) == ["d/b.txt", "d/e/c.txt"]


def test_cp_copies_many_files() -> None:
    """A thousand files arrive, one chunk or many each."""
    names = [f"{number % 7}/{number}" for number in range(1_000)]
    stock(storages["default"], *names)
    run("cp", "default:", "bucket:all")
    assert sorted(storages["bucket"].files) == sorted(f"all/{name}" for name in names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "disk:"], "There is no default:x."),
        (["a.txt", "d", "disk:new"], "disk:new is not a directory; write disk:new/"),
        (["a.txt", "d", "disk:file"], "disk:file is not a directory"),
        (["a.txt", "disk:file/"], "disk:file is a file, not a directory"),
        (["d", "disk:file"], "default:d is a directory, and disk:file is a file"),
        (["a.txt", "disk:file/x/y"], "disk:file is a file, where a directory would have to be"),
        (["a.txt", "disk:../x"], "is located outside of the base path"),
        (["e/there", "disk:"], "disk:there is a directory, and a file cannot take its place"),
        (
            ["a.txt", "e/a.txt", "disk:"],
            "default:a.txt and default:e/a.txt would both become disk:",
        ),
        (["a.txt", "a.txt", "disk:"], "default:a.txt and default:a.txt would both become"),
        (["a.txt", "a.txt"], "default:a.txt and default:a.txt are one file"),
        (["a.txt", "default:"], "default:a.txt and default:a.txt are one file"),
        (["disk:file", "twin:"], "disk:file and twin:file are one file"),
        (["d", "d"], "default:d cannot be copied into itself, default:d/d"),
        (["d", "default:d/e/f"], "default:d cannot be copied into itself, default:d/e/f"),
        (["d", "default:"], "default:d cannot be copied into itself, default:d"),
        (["default:", "default:x"], "default: cannot be copied into itself, default:x"),
        (["disk:there", "twin:there/new"], "disk:there cannot be copied into itself"),
    ],
)
@pytest.mark.parametrize("existing", ["fail", "skip", "replace"])
def test_cp_refuses(arguments: list[str], said: str, existing: str) -> None:
    """What cannot be done is said, and nothing is copied, whatever is to happen to taken names."""
    stock(storages["default"], *NAMES, "e/a.txt", "e/there")
    stock(storages["disk"], "file", "there/file")
    before = files("default"), files("disk")
    assert said in fails("cp", *arguments, "--existing", existing)
    assert (files("default"), files("disk")) == before


@all_kinds
def test_cp_fails_for_taken_names(alias: str) -> None:
    """Where a name is taken nothing at all is copied, by default."""
    stock(storages["over"], "d/a", "d/b", "d/c")
    stock(storages[alias], "d/b", "d/c", content=b"old")
    assert fails("cp", "over:d", f"{alias}:") == (
        f"{alias}:d/b and 1 more exist already, and nothing was copied; "
        "--existing=skip leaves what is there, --existing=replace replaces it."
    )
    assert files(alias) == {"d/b": b"old", "d/c": b"old"}


def test_cp_names_the_one_taken_name() -> None:
    """One taken name is told as one."""
    stock(storages["default"], "a", "b")
    assert fails("cp", "a", "b").startswith("default:b exists already, and nothing was copied")


@all_kinds
def test_cp_skips_taken_names(alias: str) -> None:
    """What is there stays, and the others are copied."""
    stock(storages["over"], "d/a", "d/b")
    stock(storages[alias], "d/b", content=b"old")
    run("cp", "over:d", f"{alias}:", "--existing=skip")
    assert files(alias) == {"d/a": b"content", "d/b": b"old"}


@pytest.mark.parametrize("alias", [*KINDS, "over"])
@pytest.mark.parametrize("size", [0, 9 << 20])
def test_cp_replaces_taken_names(alias: str, size: int) -> None:
    """What is there gives way, under its own name."""
    stock(storages["unlisted"], "a", content=bytes(size))
    stock(storages[alias], "a", content=b"old")
    run("cp", "unlisted:a", f"{alias}:a", "--existing=replace")
    assert files(alias) == {"a": bytes(size)}


def test_a_file_may_be_replaced_by_itself() -> None:
    """Where two storages share a file, and nothing tells it, to replace it by itself keeps it."""
    stock(storages["like_disk"], "a")
    run("cp", "like_disk:a", "like_twin:a", "--existing=replace")
    assert files("like_disk") == {"a": b"content"}


@pytest.mark.parametrize("alias", ["default", "like_disk", "disk", "django"])
def test_a_torn_source_leaves_nothing(alias: str, torn: str) -> None:
    """A source that breaks half-way leaves no half behind, and the copies before it."""
    stock(storages["unlisted"], "a")
    said = fails("cp", "unlisted:a", torn, f"{alias}:new/")
    assert said == (
        f"bucket:torn could not be copied to {alias}:new/torn: "
        "[Errno 5] Input/output error (1 of 2 files were copied.)"
    )
    assert files(alias) == {"new/a": b"content"}


@pytest.mark.parametrize("alias", ["default", "like_disk", "disk", "django", "over"])
def test_a_torn_source_replaces_nothing(alias: str, torn: str) -> None:
    """A source that breaks half-way does not cost the file that it was to replace."""
    stock(storages[alias], "torn", content=b"old")
    fails("cp", torn, f"{alias}:", "--existing=replace")
    assert files(alias) == {"torn": b"old"}


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_full_storage_keeps_what_it_has(error: BaseException, monkeypatch: Any) -> None:
    """Where the replacement cannot be saved, the file that it was to replace is put back."""
    stock(storages["default"], "a")
    disk = stock(storages["disk"], "a", content=b"old")
    save, errors = disk._save, [error]

    def save_later(name: str, content: File[bytes]) -> str:
        saved = str(save(name, content))
        if errors:
            raise errors.pop()
        return saved

    monkeypatch.setattr(disk, "_save", save_later)
    with pytest.raises((CommandError, KeyboardInterrupt)):
        run("cp", "a", "disk:a", "--existing=replace")
    assert files("disk") == {"a": b"old"}


def test_what_came_between_is_not_replaced_by_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody made after the old one was deleted is theirs."""
    stock(storages["default"], "a")
    bucket = stock(storages["bucket"], "a", content=b"old")
    monkeypatch.setattr(bucket, "delete", lambda name: bucket.files.update({name: b"theirs"}))
    assert "made by somebody else" in fails("cp", "a", "bucket:a", "--existing=replace")
    assert bucket.files == {"a": b"theirs"}


def test_an_interrupted_copy_leaves_nothing(torn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does one that is stopped by hand, which is not told as an error."""
    monkeypatch.setattr(Torn, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run("cp", torn, "disk:a")
    assert not storages["disk"].exists("a")


def test_another_name_is_no_copy() -> None:
    """A storage that takes a file only under another name has it no longer, and the copy fails."""
    stock(storages["default"], "a")
    storages["bucket"].get_available_name = lambda name, max_length=None: f"{name}_x"
    said = fails("cp", "a", "bucket:")
    assert "the storage would only take it as bucket:a_x" in said
    assert not storages["bucket"].files


def test_a_race_is_lost_to_who_was_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is taken while the copies run is left to its owner."""
    stock(storages["default"], "a", "b")
    bucket = storages["bucket"]
    save = bucket._save

    def save_both(name: str, content: File[bytes]) -> str:
        bucket.files["b"] = b"theirs"
        return save(name, content)

    monkeypatch.setattr(bucket, "_save", save_both)
    said = fails("cp", "a", "b", "bucket:")
    assert "bucket:b was made by somebody else meanwhile. (1 of 2 files were copied.)" in said
    assert bucket.files == {"a": b"content", "b": b"theirs"}


def test_what_is_refused_at_the_last_moment_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that finds the name taken as it writes keeps what is there."""
    stock(storages["default"], "a")
    bucket = storages["bucket"]

    def save(name: str, content: File[bytes]) -> str:
        bucket.files[name] = b"theirs"
        raise FileExistsError(17, "File exists", name)

    monkeypatch.setattr(bucket, "_save", save)
    assert "File exists" in fails("cp", "a", "bucket:")
    assert bucket.files == {"a": b"theirs"}


def test_a_disk_does_not_take_the_source_away(tmp_path: Path) -> None:
    """A source on a disk stays there, though a disk moves what it knows the path of."""
    stock(FileSystemStorage(tmp_path / "disk"), "a")
    run("cp", "disk:a", "like_disk:a")
    assert files("disk") == files("like_disk") == {"a": b"content"}


def test_a_content_may_be_read_again() -> None:
    """A storage that measures a content, and reads it twice, gets it whole."""
    stock(storages["default"], "a")

    def save(name: str, content: File[bytes]) -> str:
        size = content.size
        content.seek(0)
        assert content.read() == b"content" and content.readable() and content.seekable()
        assert content.file.tell() == size == 7
        storages["bucket"].files[name] = b"".join(content.chunks())
        return name

    storages["bucket"]._save = save
    run("cp", "a", "bucket:")
    assert files("bucket") == {"a": b"content"}


# Errors


def test_an_unknown_alias_lists_the_known() -> None:
    """An alias that is not in STORAGES is told with those that are."""
    said = fails("ls", "nowhere:a")
    assert "There is no storage 'nowhere' in STORAGES, only broken, bucket, default," in said
    assert said.endswith("default:nowhere:a.")


def test_a_broken_storage_says_why() -> None:
    """A storage that cannot be made is a command's error, not a traceback."""
    assert "nowhere" in fails("ls", "broken:")


def test_a_colon_may_be_in_a_name() -> None:
    """The first colon ends the alias."""
    stock(storages["default"], "a:b")
    assert run("cat", "default:a:b") == "content"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("photo", "default:photos"),
        ("photos/laek.jpg", "default:photos/lake.jpg"),
        ("fotos/lake.jpg", "default:photos"),
        ("photos/lake.jpg/x", None),
        ("zzz", None),
    ],
)
def test_a_missing_name_brings_the_near(name: str, near: str | None) -> None:
    """A name that is not there is told with the nearest in the nearest directory that is."""
    stock(storages["default"], "photos/lake.jpg", "documents/a.txt")
    said = f" Did you mean {near}?" if near else ""
    assert fails("cat", name) == f"There is no default:{name}.{said}"


def test_an_alias_without_its_colon() -> None:
    """The name of an alias is taken for a file's, and the message says how an alias is written."""
    assert fails("ls", "other").endswith(" Did you mean other:?")


# The progress bar


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        """Return true."""
        return True


def test_a_terminal_has_a_bar() -> None:
    """Bytes, percent, rate and name are shown where somebody looks, on one line."""
    stock(storages["default"], "d/a", "d/b")
    err = Terminal()
    assert run("cp", "d", "bucket:", stderr=err) == ""
    drawn = err.getvalue()
    assert drawn.endswith("\n") and drawn.count("\n") == 1
    assert drawn.split("\r")[-1].startswith("[====================] 100%  14 B of 14 B  ")
    assert "default:d/b" in drawn


@pytest.mark.parametrize(
    ("err", "options", "is_shown"),
    [
        (io.StringIO(), [], False),
        (io.StringIO(), ["--progress"], True),
        (Terminal(), ["--no-progress"], False),
    ],
)
def test_a_bar_may_be_asked_for(err: io.StringIO, options: list[str], is_shown: bool) -> None:
    """No bar is drawn into a file, unless it is asked for."""
    stock(storages["default"], "a")
    run("cp", "a", "b", *options, stderr=err)
    assert bool(err.getvalue()) == is_shown


def test_an_error_follows_the_bar(torn: str) -> None:
    """A copy that fails leaves the bar's line before the error."""
    err = Terminal()
    with pytest.raises(CommandError):
        run("cp", torn, "disk:a", stderr=err)
    assert err.getvalue().endswith("\n")


def test_unknown_sizes_have_no_percent() -> None:
    """Where a size is unknown, there is no share of the whole."""
    stock(storages["unlisted"], "a")
    err = Terminal()
    run("cp", "unlisted:a", "bucket:", stderr=err)
    assert "7 B  " in err.getvalue() and "%" not in err.getvalue()


def frames(total: int | None, *positions: int, columns: int = 100) -> list[str]:
    """Return what a bar draws over a file that is read a position each second."""
    written: list[str] = []
    seconds = iter(range(100))
    bar = Progress(written.append, total, columns=lambda: columns, clock=lambda: next(seconds))
    bar.start("name")
    for position in positions:
        bar.at(position)
    bar.end()
    return [text.removeprefix("\r").rstrip(" ") for text in written]


def test_the_bar_grows() -> None:
    """A bar has the share of what is done, and the rate until now."""
    assert frames(200, 50, 100) == [
        f"[{' ' * 20}]   0%  0 B of 200 B  0 B/s  name",
        f"[{'=' * 5}{' ' * 15}]  25%  50 B of 200 B  25 B/s  name",
        f"[{'=' * 10}{' ' * 10}]  50%  100 B of 200 B  33 B/s  name",
        f"[{'=' * 10}{' ' * 10}]  50%  100 B of 200 B  25 B/s  name",
        "\n",
    ]


def test_the_bar_ends_at_the_whole() -> None:
    """A file that grew since it was measured, or an empty one, is no more than all."""
    assert "] 100%  9 B of 7 B" in frames(7, 9)[1]
    assert "] 100%  0 B of 0 B" in frames(0)[0]


@pytest.mark.parametrize("columns", [1, 2, 10, 40])
def test_the_bar_fits_its_line(columns: int) -> None:
    """A narrow terminal gets as much of the line as it has room for."""
    assert max(map(width, frames(200, 50, columns=columns)[:-1])) <= max(columns - 1, 1)


def test_the_bar_is_not_drawn_for_each_chunk() -> None:
    """Between two drawings some time passes."""
    written: list[str] = []
    bar = Progress(written.append, 10, clock=lambda: 0.0)
    for position in range(10):
        bar.at(position)
    assert len(written) == 1


def test_columns_are_counted_as_terminals_do() -> None:
    """A wide character takes two columns, an accent of its own none."""
    assert [width("ab"), width("日本"), width("e\u0301")] == [2, 4, 1]
    assert crop("日本語", 5) == "日..."
    assert crop("abc", 3) == "abc"


def test_the_terminals_width_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal says how wide it is; what is none is taken for 80 columns."""
    assert terminal_columns(OutputWrapper(io.StringIO())) == 80
    monkeypatch.setattr(
        progress_module.os, "get_terminal_size", lambda descriptor: os.terminal_size((132, 40))
    )
    assert terminal_columns(OutputWrapper(sys.__stderr__)) == 132


# In a process of its own


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project with the command, and some files on its disk."""
    made = make_project(
        tmp_path,
        settings="""
        INSTALLED_APPS += ["inmemorystorage.serving"]
        STORAGES = {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "memory": {"BACKEND": "inmemorystorage.InMemoryStorage"},
        }
        """,
    )
    (made.media / "d").mkdir(parents=True)
    for number in range(500):  # together, their names are more than a pipe holds
        (made.media / "d" / f"{number:0200}").touch()
    (made.media / "big").write_bytes(bytes(1 << 20))
    return made


@pytest.mark.parametrize("arguments", ["ls -R", "cat big", "tree"])
def test_a_closed_pipe_is_silent(project: Project, arguments: str) -> None:
    """`| head` ends the command without a word."""
    command = f"'{sys.executable}' -W error -m django storage {arguments} | head -c 10 | wc -c"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "project_settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        command, shell=True, cwd=project.directory, env=environment, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("10", "")


def test_an_error_is_the_exit_status(project: Project) -> None:
    """The command says what is wrong on one line, and exits with 1."""
    said = project.manage("storage", "cat", "bgi", fails=True)
    assert said == "CommandError: There is no default:bgi. Did you mean default:big?\n"


def test_the_memory_of_another_process_is_not_seen(project: Project) -> None:
    """A command of its own finds memory empty, and the help says so."""
    assert project.manage("storage", "ls", "memory:") == ""
    assert "Files in the memory of another" in project.manage("storage", "--help")


def test_a_pipe_without_a_descriptor_is_silent() -> None:
    """A stream that is no file, and that nobody reads any longer, ends the command as well."""
    stock(storages["default"], *NAMES)
    call_command(Command(), "ls", stdout=Closed())


class Closed(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        """Say so."""
        raise BrokenPipeError(32, "Broken pipe")
