"""`manage.py storage`: look into any storage of STORAGES, and copy between them."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser, OutputWrapper

from inmemorystorage.serving.copying import copy_files, plan, settle
from inmemorystorage.serving.display import count, human_size, local_time, printable
from inmemorystorage.serving.output import Writer, encodable
from inmemorystorage.serving.places import parse_place
from inmemorystorage.serving.progress import Progress, terminal_columns
from inmemorystorage.serving.walk import Entry, Total, scan, sum_sizes, walk

HELP = (
    "Look into the storages of STORAGES, and copy between them. A NAME is alias:name, or a name "
    "in the default storage. Files in the memory of another process, such as runserver, are not "
    "seen from here: call_command() in that process sees them."
)
Output = Generator[str | bytes, None, None]


def list_names(*, name: str, long: bool, recursive: bool, **options: Any) -> Output:
    """Yield a line for each name in a directory, or below it; for a file its own."""
    place = parse_place(name)
    found = place.require()
    entries: Iterable[Entry] = [found]
    skipped = len(found.name) - len(found.basename)
    if found.is_directory:
        entries = (walk if recursive else scan)(place.storage, place.name)
        skipped = len(place.child("-").name) - 1
    for entry in entries:
        shown = printable(entry.name[skipped:]) + "/" * entry.is_directory
        yield f"{_details(entry)}  {shown}" if long else shown


def _details(entry: Entry) -> str:
    unknown = "-" if entry.is_directory else "?"
    size = unknown if entry.size is None else str(entry.size)
    modified = unknown if entry.modified is None else local_time(entry.modified)
    return f"{size:>12}  {modified:16}"


def draw_tree(*, name: str, **options: Any) -> Output:
    """Yield a line for each name below a directory, drawn as a tree, and how many there are."""
    place = parse_place(name)
    yield printable(str(place))
    files = directories = 0
    last: list[bool] = []
    for entry in walk(place.storage, place.name) if place.require().is_directory else ():
        depth = entry.name.count("/") - place.child("-").name.count("/")
        last[depth:] = [entry.is_last]
        stem = "".join("    " if is_last else "│   " for is_last in last[:-1])
        branch = "└── " if entry.is_last else "├── "
        yield stem + branch + printable(entry.basename) + "/" * entry.is_directory
        directories += entry.is_directory
        files += not entry.is_directory
    yield f"{count(directories, 'directory')}, {count(files, 'file')}"


def read_files(*, names: list[str], **options: Any) -> Output:
    """Yield the content of files, one after the other."""
    for place in [parse_place(name).require_file() for name in names]:
        with place.storage.open(place.name) as file:
            yield from file.chunks()


def sum_directories(
    *, name: str, summarize: bool, human: bool, stderr: OutputWrapper, **options: Any
) -> Output:
    """Yield the bytes of each directory, of all that is below it, and of the whole."""
    place = parse_place(name)
    found = place.require()
    whole = Total(place.name)
    if not found.is_directory:
        whole.add(found.size)
        totals = iter([whole])
    else:
        totals = sum_sizes(place.storage, place.name)
    for whole in totals:
        if not summarize or whole.name == place.name:
            size = human_size(whole.size) if human else str(whole.size)
            yield f"{size}\t{printable(str(place.at(whole.name)))}"
    if whole.unknown:
        stderr.write(f"The size of {count(whole.unknown, 'file')} is unknown, and not counted.")


def copy(
    *,
    sources: list[str],
    destination: str,
    existing: str,
    progress: bool | None,
    stderr: OutputWrapper,
    **options: Any,
) -> Output:
    """Copy files, with a bar where somebody looks."""
    copies = settle(plan([*map(parse_place, sources)], parse_place(destination)), existing)
    is_shown = stderr.isatty() if progress is None else progress
    sizes = [copy.size for copy in copies]
    bar = Progress(
        partial(_draw, stderr) if is_shown else str,
        None if None in sizes else sum(size or 0 for size in sizes),
        columns=partial(terminal_columns, stderr),
    )
    try:
        copy_files(copies, bar)
    finally:
        bar.end()
    yield from ()


def _draw(stderr: OutputWrapper, text: str) -> None:
    stderr.write(encodable(text, stderr), str, "")
    stderr.flush()


def argument(*names: str, **options: Any) -> Callable[[ArgumentParser], object]:
    """Return what adds an argument to a parser."""
    return lambda parser: parser.add_argument(*names, **options)


NAME = argument("name", nargs="?", default="default:", metavar="NAME")


@dataclass(frozen=True)
class Subcommand:
    """What a subcommand does, says of itself, and takes."""

    run: Callable[..., Output]
    help: str
    arguments: tuple[Callable[[ArgumentParser], object], ...]


SUBCOMMANDS = {
    "ls": Subcommand(
        list_names,
        "List the names in a directory.",
        (
            argument("-l", "--long", action="store_true", help="with sizes in bytes and times"),
            argument("-R", "--recursive", action="store_true", help="everything below"),
            NAME,
        ),
    ),
    "tree": Subcommand(draw_tree, "Draw everything below a directory as a tree.", (NAME,)),
    "cat": Subcommand(
        read_files, "Write files to the standard output.", (argument("names", nargs="+"),)
    ),
    "du": Subcommand(
        sum_directories,
        "Sum up the bytes below each directory.",
        (
            argument("-s", "--summarize", action="store_true", help="the whole alone"),
            argument("-h", "--human", action="store_true", help="in KiB, MiB, GiB"),
            NAME,
        ),
    ),
    "cp": Subcommand(
        copy,
        "Copy files, and directories with all that is below them.",
        (
            argument("sources", nargs="+", metavar="SOURCE"),
            argument("destination", metavar="DESTINATION"),
            argument(
                "--existing",
                choices=["fail", "skip", "replace"],
                default="fail",
                help="what to do where a name is taken; by default nothing at all is copied",
            ),
            argument(
                "--progress",
                action=BooleanOptionalAction,
                help="show a bar; by default where the standard error is a terminal",
            ),
        ),
    ),
}


class Command(BaseCommand):
    """Look into the storages of STORAGES, and copy between them."""

    help = HELP
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subcommands."""
        subparsers = parser.add_subparsers(dest="subcommand", required=True)
        for name, subcommand in SUBCOMMANDS.items():
            # -h is du's as everywhere, and --help is left.
            added = subparsers.add_parser(
                name, help=subcommand.help, description=subcommand.help, add_help=False
            )
            added.add_argument("--help", action="help", help="show this and exit")
            for add in subcommand.arguments:
                add(added)

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        """Run a subcommand; raise ``CommandError`` with the cure where it fails."""
        output = SUBCOMMANDS[subcommand].run(**options | {"stderr": self.stderr})
        writer = Writer(self.stdout)
        try:
            with contextlib.closing(output):
                if all(map(writer.write, output)):
                    writer.end()
        except (CommandError, OSError, NotImplementedError, SuspiciousOperation) as error:
            raise CommandError(printable(str(error))) from error
