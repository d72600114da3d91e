"""`manage.py storage`, on storages of all kinds."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import CommandError, call_command
from projects import Project, make_project
from stocked import stock

from inmemorystorage.management.commands.storage import Command

MEMORY = "inmemorystorage.InMemoryStorage"
DISK = "django.core.files.storage.FileSystemStorage"
NAMES = ("a.txt", "d/b.txt", "d/e/c.txt")


@pytest.fixture(autouse=True)
def _aliases(settings: Any, tmp_path: Path) -> None:
    """Set an alias for each kind of storage."""
    like = {"behaves_like": "filesystem", "location": str(tmp_path / "like")}
    kinds = {
        "default": (MEMORY, {}),
        "other": (MEMORY, {}),  # equal to the default, but with its own tree
        "like_disk": (MEMORY, like),
        "like_twin": (MEMORY, like),
        "disk": (DISK, {"location": tmp_path / "disk"}),
        "django": ("django.core.files.storage.InMemoryStorage", {}),
        "bucket": ("stocked.Bucket", {}),
        "unlisted": ("stocked.Unlisted", {}),
        "over": ("stocked.Bucket", {"get_available_name": keep_name}),
        "broken": ("nowhere.Storage", {}),
    }
    settings.STORAGES = {
        alias: {"BACKEND": backend, "OPTIONS": options}
        for alias, (backend, options) in kinds.items()
    }


KINDS = ["default", "other", "like_disk", "disk", "django", "bucket"]
all_kinds = pytest.mark.parametrize("alias", KINDS)


def keep_name(name: str, max_length: int | None = None) -> str:
    """Return the name itself, as a storage does that overwrites."""
    return name


def run(*arguments: str, **options: Any) -> str:
    """Run the command; return its output."""
    out = io.StringIO()
    call_command(Command(), *arguments, stdout=out, **options)
    return out.getvalue()


def fails(*arguments: str) -> str:
    """Run the command, which must fail; return its error message."""
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
    """A file that fails after its first megabyte."""

    error: BaseException = OSError(5, "Input/output error")

    def read(self, size: int | None = -1) -> bytes:
        """Read, or fail."""
        if self.tell() >= 1 << 20:
            raise self.error
        return super().read(size)


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a file that cannot be read to its end."""
    storage = stock(storages["bucket"], "torn", content=bytes(3 << 20))
    monkeypatch.setattr(storage, "_open", lambda name, mode: File(Torn(storage.files[name]), name))
    return "bucket:torn"


# ls


@all_kinds
def test_ls_lists_a_directory(alias: str) -> None:
    """ls lists directories first, with a slash."""
    stock(storages[alias], *NAMES)
    assert run("ls", f"{alias}:") == "d/\na.txt\n"
    assert run("ls", f"{alias}:d/") == "e/\nb.txt\n"


@all_kinds
def test_ls_lists_everything_below(alias: str) -> None:
    """ls -R lists everything below a directory, relative to it."""
    stock(storages[alias], *NAMES)
    assert run("ls", "-R", f"{alias}:") == "d/\nd/e/\nd/e/c.txt\nd/b.txt\na.txt\n"
    assert run("ls", "-R", f"{alias}:d") == "e/\ne/c.txt\nb.txt\n"


@all_kinds
def test_an_empty_storage_is_listed(alias: str) -> None:
    """ls and tree accept the root of a storage that has no files."""
    if alias == "disk":
        Path(storages["disk"].location).mkdir()
    assert run("ls", f"{alias}:") == ""
    assert run("tree", f"{alias}:") == f"{alias}:\n0 directories, 0 files\n"


def test_ls_shows_size_and_time(time_machine: Any, settings: Any) -> None:
    """ls -l shows bytes and times; directories have neither, unknown ones are question marks."""
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


def test_ls_shows_naive_times(time_machine: Any, settings: Any) -> None:
    """ls -l shows the times of a project without USE_TZ as they are."""
    settings.USE_TZ = False
    stock(storages["default"], "a.txt")
    shown = f"{storages['default'].get_modified_time('a.txt'):%Y-%m-%d %H:%M}"
    assert run("ls", "-l") == f"{'7':>12}  {shown}  a.txt\n"


def test_ls_lists_a_file() -> None:
    """ls lists a file by the last component of its name."""
    stock(storages["default"], *NAMES)
    assert run("ls", "d/b.txt") == run("ls", "-R", "d/b.txt") == "b.txt\n"
    assert run("ls", "a.txt") == "a.txt\n"


def test_default_is_the_default() -> None:
    """A name without an alias is in the default storage; no name is its root."""
    stock(storages["default"], *NAMES)
    assert run("ls") == run("ls", ".") == run("ls", "/") == run("ls", "default:.")


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202egnp", "\udcff"])
def test_control_characters_are_escaped(name: str) -> None:
    """The command escapes what a terminal would obey, or cannot show."""
    storages["bucket"].files[f"{name}/{name}"] = b""
    texts = [
        *(run("ls", "bucket:"), run("ls", "-lR", "bucket:"), run("tree", "bucket:")),
        *(fails("cat", f"bucket:{name}"), fails("ls", f"bucket:{name}x")),
    ]
    for text in texts:
        assert name not in text and ascii(name)[1:-1] in text


def test_output_has_any_encoding() -> None:
    """The command escapes characters that the output's encoding lacks."""
    stock(storages["default"], "é.txt")
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call_command(Command(), "ls", stdout=out)
    assert out.buffer.getvalue() == b"\\xe9.txt\n"  # type: ignore[attr-defined]


# tree


@all_kinds
def test_tree_draws_a_tree(alias: str) -> None:
    """tree draws each name below its directory, and counts them."""
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


def test_tree_starts_anywhere() -> None:
    """tree draws a directory alone; a file has no branches."""
    stock(storages["default"], *NAMES)
    assert run("tree", "d/e") == "default:d/e\n└── c.txt\n0 directories, 1 file\n"
    assert run("tree", "a.txt") == "default:a.txt\n0 directories, 0 files\n"


# cat


@all_kinds
def test_cat_writes_bytes(alias: str) -> None:
    """cat writes files in the given order, byte for byte."""
    content = bytes(range(256)) * 1024
    stock(storages[alias], "a", content=content)
    stock(storages[alias], "b", "empty", content=b"")
    out = io.TextIOWrapper(io.BytesIO())
    call_command(Command(), "cat", f"{alias}:a", f"{alias}:empty", f"{alias}:a", stdout=out)
    assert out.buffer.getvalue() == content * 2  # type: ignore[attr-defined]


def test_cat_writes_text_to_a_text_stream() -> None:
    """cat decodes content for an output that takes text only."""
    text = "x" + "é" * (1 << 16)
    stock(storages["default"], "a", content=text.encode())
    assert run("cat", "a") == text


def test_cat_refuses_directories() -> None:
    """cat writes nothing if one of the names is a directory."""
    stock(storages["default"], *NAMES)
    assert fails("cat", "a.txt", "d") == "default:d is a directory. List it with ls or tree."


def test_cat_needs_no_listdir() -> None:
    """cat reads files of a storage without listdir(); ls names what is missing."""
    stock(storages["unlisted"], "a")
    assert run("cat", "unlisted:a") == "content"
    assert fails("ls", "unlisted:") == "Unlisted cannot list its files."
    assert fails("cat", "unlisted:b") == "unlisted:b does not exist."


# cp


@all_kinds
@pytest.mark.parametrize("source", KINDS)
def test_cp_copies_a_file(source: str, alias: str) -> None:
    """cp copies a file from any storage to any other."""
    if source != alias:
        stock(storages[source], "d/a.txt", content=bytes(200_000))
        assert run("cp", f"{source}:d/a.txt", f"{alias}:b.txt") == "1 file copied.\n"
        assert files(alias) == {"b.txt": bytes(200_000)}
        assert files(source) == {"d/a.txt": bytes(200_000)}


def test_cp_is_silent_if_asked() -> None:
    """cp prints nothing with --verbosity=0."""
    stock(storages["disk"], "a.txt")
    assert run("cp", "disk:a.txt", "disk:b.txt", "--verbosity=0") == ""
    assert files("disk").keys() == {"a.txt", "b.txt"}


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
def test_cp_chooses_targets_as_posix_does(arguments: list[str], copied: list[str]) -> None:
    """cp copies into an existing directory; a free name becomes the copy."""
    stock(storages["default"], *NAMES)
    stock(storages["disk"], "there/file")
    run("cp", *arguments)
    assert sorted(files("disk")) == sorted([*copied, "there/file"])


def test_cp_creates_the_root_of_a_disk() -> None:
    """cp copies to a storage whose root does not exist yet."""
    stock(storages["default"], *NAMES)
    run("cp", "d", "disk:")
    assert sorted(files("disk")) == ["d/b.txt", "d/e/c.txt"]


def test_cp_copies_many_files() -> None:
    """cp copies a thousand files."""
    names = [f"{number % 7}/{number}" for number in range(1_000)]
    stock(storages["default"], *names)
    assert run("cp", "default:", "bucket:all") == "1,000 files copied.\n"
    assert sorted(storages["bucket"].files) == sorted(f"all/{name}" for name in names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "disk:"], "default:x does not exist."),
        (["a.txt", "d", "disk:new"], "disk:new is not a directory. Write disk:new/ to create it."),
        (["a.txt", "d", "disk:file"], "disk:file is not a directory"),
        (["a.txt", "disk:file/"], "disk:file is a file, and would have to be a directory"),
        (["d", "disk:file"], "disk:file is a file, and would have to be a directory"),
        (["a.txt", "disk:file/x/y"], "disk:file is a file, and would have to be a directory"),
        (["a.txt", "disk:../x"], "is located outside of the base path"),
        (["e/there", "disk:"], "disk:there is a directory, and cannot be replaced by a file"),
        (
            ["a.txt", "e/a.txt", "disk:"],
            "default:a.txt and default:e/a.txt would both become disk:a.txt",
        ),
        (["a.txt", "a.txt", "disk:"], "default:a.txt and default:a.txt would both become"),
        (["a.txt", "a.txt"], "default:a.txt cannot be copied to itself, default:a.txt"),
        (["a.txt", "default:"], "default:a.txt cannot be copied to itself, default:a.txt"),
        (["d", "d"], "default:d cannot be copied to itself, default:d/d"),
        (["d", "default:d/e/f"], "default:d cannot be copied to itself, default:d/e/f"),
        (["default:", "default:x"], "default: cannot be copied to itself, default:x"),
    ],
)
@pytest.mark.parametrize("existing", ["fail", "skip", "replace"])
def test_cp_refuses(arguments: list[str], said: str, existing: str) -> None:
    """cp copies nothing if one copy is impossible, whatever --existing says."""
    stock(storages["default"], *NAMES, "e/a.txt", "e/there")
    stock(storages["disk"], "file", "there/file")
    before = files("default"), files("disk")
    assert said in fails("cp", *arguments, "--existing", existing)
    assert (files("default"), files("disk")) == before


@all_kinds
def test_cp_fails_if_names_are_taken(alias: str) -> None:
    """cp copies nothing by default if a name is taken."""
    stock(storages["over"], "d/a", "d/b", "d/c")
    stock(storages[alias], "d/b", "d/c", content=b"old")
    assert fails("cp", "over:d", f"{alias}:") == (
        f"Nothing was copied: 2 of 3 names are taken, such as {alias}:d/b. "
        "Pass --existing=skip to keep those files, or --existing=replace."
    )
    assert files(alias) == {"d/b": b"old", "d/c": b"old"}


@all_kinds
def test_cp_skips_taken_names(alias: str) -> None:
    """cp --existing=skip keeps existing files, and copies the others."""
    stock(storages["over"], "d/a", "d/b")
    stock(storages[alias], "d/b", content=b"old")
    assert run("cp", "over:d", f"{alias}:", "--existing=skip") == "1 file copied.\n"
    assert files(alias) == {"d/a": b"content", "d/b": b"old"}


@pytest.mark.parametrize("alias", [*KINDS, "over"])
@pytest.mark.parametrize("size", [0, 9 << 20])
def test_cp_replaces_taken_names(alias: str, size: int) -> None:
    """cp --existing=replace replaces files under their own names."""
    stock(storages["unlisted"], "a", content=bytes(size))
    stock(storages[alias], "a", content=b"old")
    run("cp", "unlisted:a", f"{alias}:a", "--existing=replace")
    assert files(alias) == {"a": bytes(size)}


def test_cp_replaces_a_file_by_itself() -> None:
    """cp keeps a file that two storages share when it replaces the file by itself."""
    stock(storages["like_disk"], "a")
    run("cp", "like_disk:a", "like_twin:a", "--existing=replace")
    assert files("like_disk") == {"a": b"content"}


@pytest.mark.parametrize("alias", ["default", "like_disk", "disk", "django"])
def test_cp_leaves_no_partial_file(alias: str, torn: str) -> None:
    """cp leaves nothing of a source that fails, and keeps the copies before it."""
    stock(storages["unlisted"], "a")
    said = fails("cp", "unlisted:a", torn, f"{alias}:new/")
    assert said == (
        f"bucket:torn could not be copied to {alias}:new/torn: "
        "[Errno 5] Input/output error (1 of 2 files were copied.)"
    )
    assert files(alias) == {"new/a": b"content"}


@pytest.mark.parametrize("alias", ["default", "like_disk", "disk", "django", "over"])
def test_cp_keeps_a_file_if_its_replacement_cannot_be_read(alias: str, torn: str) -> None:
    """cp --existing=replace keeps the old file if the source fails."""
    stock(storages[alias], "torn", content=b"old")
    fails("cp", torn, f"{alias}:", "--existing=replace")
    assert files(alias) == {"torn": b"old"}


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_cp_restores_a_file_if_its_replacement_cannot_be_saved(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cp --existing=replace restores the old file if saving the new one fails."""
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


def test_cp_does_not_restore_over_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """cp keeps a file that another process created after the old one was deleted."""
    stock(storages["default"], "a")
    bucket = stock(storages["bucket"], "a", content=b"old")
    monkeypatch.setattr(bucket, "delete", lambda name: bucket.files.update({name: b"theirs"}))
    said = fails("cp", "a", "bucket:a", "--existing=replace")
    assert "bucket:a was created by another process" in said
    assert bucket.files == {"a": b"theirs"}


def test_cp_leaves_no_partial_file_when_interrupted(
    torn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cp leaves nothing when the user stops it, and raises KeyboardInterrupt."""
    monkeypatch.setattr(Torn, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run("cp", torn, "disk:a")
    assert not storages["disk"].exists("a")


def test_cp_refuses_another_name() -> None:
    """cp fails, and deletes the copy, if the storage saves it under another name."""
    stock(storages["default"], "a")
    storages["bucket"].get_available_name = lambda name, max_length=None: f"{name}_x"
    said = fails("cp", "a", "bucket:")
    assert "the storage would only take it as bucket:a_x" in said
    assert not storages["bucket"].files


def test_cp_keeps_files_created_during_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """cp fails if another process takes a name while the copies run."""
    stock(storages["default"], "a", "b")
    bucket = storages["bucket"]
    save = bucket._save

    def save_both(name: str, content: File[bytes]) -> str:
        bucket.files["b"] = b"theirs"
        return save(name, content)

    monkeypatch.setattr(bucket, "_save", save_both)
    said = fails("cp", "a", "b", "bucket:")
    assert "bucket:b was created by another process. (1 of 2 files were copied.)" in said
    assert bucket.files == {"a": b"content", "b": b"theirs"}


def test_cp_keeps_a_file_that_the_storage_refuses_to_overwrite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """cp does not delete the file if save() raises FileExistsError."""
    stock(storages["default"], "a")
    bucket = storages["bucket"]

    def save(name: str, content: File[bytes]) -> str:
        bucket.files[name] = b"theirs"
        raise FileExistsError(17, "File exists", name)

    monkeypatch.setattr(bucket, "_save", save)
    assert "File exists" in fails("cp", "a", "bucket:")
    assert bucket.files == {"a": b"theirs"}


def test_cp_keeps_the_source(tmp_path: Path) -> None:
    """cp copies a file on a disk, although storages move a file whose path they know."""
    stock(FileSystemStorage(tmp_path / "disk"), "a")
    run("cp", "disk:a", "like_disk:a")
    assert files("disk") == files("like_disk") == {"a": b"content"}


# Progress


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


def test_cp_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """cp shows files and bytes with tqdm on a terminal, and clears them at the end."""
    seconds = itertools.count()
    monkeypatch.setattr("tqdm.std.time", lambda: next(seconds))  # or it shows what takes long
    stock(storages["default"], "d/a", "d/b")
    err = Terminal()
    assert run("cp", "d", "bucket:", stderr=err) == "2 files copied.\n"
    assert "1 of 2 files: 100%" in err.getvalue() and "7.00/7.00" in err.getvalue()
    assert err.getvalue().endswith("\r")


@pytest.mark.parametrize(("has_tqdm", "stream"), [(False, Terminal), (True, io.StringIO)])
def test_cp_shows_no_progress(
    monkeypatch: pytest.MonkeyPatch, has_tqdm: bool, stream: type[io.StringIO]
) -> None:
    """cp writes one line alone without tqdm, and where the standard error is not a terminal."""
    if not has_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    stock(storages["default"], "a")
    err = stream()
    assert run("cp", "a", "b", stderr=err) == "1 file copied.\n"
    assert err.getvalue() == ""


# Errors


def test_an_unknown_alias_lists_the_known_ones() -> None:
    """The error for an unknown alias names the aliases of STORAGES."""
    said = fails("ls", "nowhere:a")
    assert "argument NAME: STORAGES has no 'nowhere', only broken, bucket, default," in said
    assert said.endswith("default:nowhere:a.")
    assert fails("cp", "a", "nowhere:a").startswith("STORAGES has no 'nowhere', only ")


def test_a_broken_storage_is_reported() -> None:
    """The command reports a storage that cannot be created, without a traceback."""
    assert fails("ls", "broken:").startswith(
        "Correct STORAGES['broken'], whose storage could not be created: "
        "InvalidStorageError: Could not find backend 'nowhere.Storage'"
    )


def test_a_name_may_have_a_colon() -> None:
    """The first colon ends the alias."""
    stock(storages["default"], "a:b")
    assert run("cat", "default:a:b") == "content"


def test_a_missing_colon_is_suggested() -> None:
    """The error for an alias without its colon names the alias with it."""
    assert fails("ls", "other") == "default:other does not exist. Did you mean other:?"


def test_errors_of_any_class_are_reported() -> None:
    """The command reports an error of any class with the class, without a traceback."""
    stock(storages["default"], "a")
    stock(storages["bucket"], "a").__dict__.update(_open=refuse, _save=refuse)
    assert fails("cat", "bucket:a") == "RuntimeError: no credentials"
    assert fails("cp", "default:a", "bucket:b") == (
        "default:a could not be copied to bucket:b: RuntimeError: no credentials "
        "(0 of 1 files were copied.)"
    )


def refuse(name: str, argument: object) -> Any:
    """Raise an error, as the client of a service does."""
    raise RuntimeError("no credentials")


# Django's common options

COMMON = {
    "verbosity": 3,
    "settings": "other_settings",
    "pythonpath": "elsewhere",
    "traceback": True,
    "no_color": True,
    "force_color": True,
}
ARGUMENTS = [
    "--verbosity=3",
    *("--settings", "other_settings", "--pythonpath", "elsewhere"),
    *("--traceback", "--no-color", "--force-color"),
]


@pytest.mark.parametrize(
    "subcommand",
    ["ls", "tree", "cat a", "cp a b", "orphans", "dangling", "check default"],
)
def test_common_options_stand_anywhere(subcommand: str) -> None:
    """Django's common options may stand before a subcommand, after it, and in both places."""
    parser = Command().create_parser("manage.py", "storage")
    words = subcommand.split()
    for before, after in ((ARGUMENTS, []), ([], ARGUMENTS), (ARGUMENTS[:3], ARGUMENTS[3:])):
        assert vars(parser.parse_args([*before, *words, *after])).items() >= COMMON.items()
    assert parser.parse_args(words).verbosity == 1


def test_common_options_in_a_call() -> None:
    """call_command() takes common options as keywords, and after the subcommand."""
    out = io.StringIO()
    stock(storages["default"], "a")
    call_command("storage", "ls", verbosity=0, no_color=True, stdout=out)
    call_command("storage", "ls", "--verbosity", "0", "--no-color", stdout=out)
    assert out.getvalue() == "a\na\n"


# In a process


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with files on its disk."""
    made = make_project(
        tmp_path,
        settings="""
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
    """The command ends without a message if its output is closed, as by `| head`."""
    command = f"'{sys.executable}' -W error -m django storage {arguments} | head -c 10 | wc -c"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "project_settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        command, shell=True, cwd=project.directory, env=environment, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("10", "")


def test_a_closed_pipe_sets_the_exit_status() -> None:
    """The command exits with 1 if its output is closed, and does not fail to flush it."""
    stock(storages["default"], *NAMES)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as out, pytest.raises(SystemExit, match="1"):
        call_command(Command(), "ls", stdout=out)


def test_an_error_sets_the_exit_status(project: Project) -> None:
    """The command reports an error on one line, and exits with 1."""
    said = project.manage("storage", "cat", "bgi", fails=True)
    assert said == "CommandError: default:bgi does not exist.\n"


def test_settings_are_chosen_after_a_subcommand(project: Project) -> None:
    """--settings and --pythonpath after a subcommand choose the project's settings."""
    project.write(
        "elsewhere/other_settings.py",
        """
        from project_settings import *

        STORAGES = {"other": {"BACKEND": "inmemorystorage.InMemoryStorage"}}
        """,
    )
    said = project.manage(
        *("storage", "ls", "big:", "--settings=other_settings", "--pythonpath=elsewhere"),
        fails=True,
    )
    assert "STORAGES has no 'big', only other." in said


def test_memory_of_another_process_is_not_visible(project: Project) -> None:
    """A command in its own process finds memory empty, and its help says so."""
    assert project.manage("storage", "ls", "memory:") == ""
    assert "Files in the memory of another" in project.manage("storage", "--help")
