"""``manage.py storage``: list, read, copy and check the files of the storages in STORAGES."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import sys
from argparse import SUPPRESS, ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TextIO, cast

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.base import File
from django.core.files.storage import InvalidStorageError
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser, DjangoHelpFormatter, OutputWrapper
from django.db import DatabaseError, connections
from django.template.defaultfilters import pluralize
from django.utils.timezone import is_aware, localtime

from ...conformance import Capabilities, Examination, Report
from ...conformance.capabilities import NAMES
from ...conformance.report import describe_left
from ...conformance.workspace import describe, new_directory
from ...kvstore.connections import close_connections
from ...orphans import HOUR, DanglingRow, OrphanFile, Progress, Survey, ignored_orphans
from ...walk import Branch, DirEntry, draw_tree, printable, scan, walk
from ..copying import create, find_taken, plan, replace
from ..names import QualifiedName, parse, parse_alias, storage_of

# The exit code if orphans, dangling rows or failed checks were found; 1 is that of an error.
FOUND = 3
# What tells storages of one class apart, if they have it and no `repr`.
_PLACES = ("bucket_name", "azure_container", "location")
# Errors whose messages are sentences.
_EXPLAINED = (
    ArgumentTypeError,
    CommandError,
    DatabaseError,
    ImproperlyConfigured,
    InvalidStorageError,
    NotImplementedError,
    OSError,
    SuspiciousOperation,
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_age(text: str) -> timedelta:
    """Return the age written as ``90s``, ``15m``, ``1h`` or ``2d``, or in seconds."""
    found = re.fullmatch("([0-9]{1,99})([smhd]?)", text)
    with contextlib.suppress(OverflowError):
        if found:
            return timedelta(**{_UNITS[found[2] or "s"]: int(found[1])})
    raise ArgumentTypeError(f"{text!r} is not an age. Write 90s, 15m, 1h or 2d.")


def underlying(stream: OutputWrapper) -> TextIO:
    """Return the stream that Django wraps; the wrapper has no encoding and no descriptor."""
    return cast("TextIO", stream._out)


def _message(error: Exception) -> str:
    """Return the message of an error, with its class if the message may not explain itself."""
    return (isinstance(error, _EXPLAINED) and str(error)) or describe(error)


class CommonOptions(BaseCommand):
    """Make a parser of Django's common options, each of which is unset unless it is passed."""

    requires_system_checks = ()

    def add_base_argument(self, parser: CommandParser, *args: str, **kwargs: Any) -> None:
        """Add an option without a default, which would replace a value passed earlier."""
        super().add_base_argument(parser, *args, **kwargs | {"default": SUPPRESS})


def _add_reading(ls: CommandParser, tree: CommandParser, cat: CommandParser) -> None:
    ls.add_argument("-l", "--long", action="store_true", help="with sizes in bytes and times")
    ls.add_argument("-R", "--recursive", action="store_true", help="everything below")
    for each in (ls, tree):
        each.add_argument("name", nargs="?", default="default:", type=parse, metavar="NAME")
    cat.add_argument("names", nargs="+", type=parse, metavar="NAME")


def _add_copying(cp: CommandParser) -> None:
    cp.add_argument("sources", nargs="+", type=parse, metavar="SOURCE")
    cp.add_argument("destination", metavar="DESTINATION")
    cp.add_argument(
        "--existing",
        choices=["fail", "skip", "replace"],
        default="fail",
        help="what to do if names are taken; by default nothing is copied",
    )


def _add_surveys(orphans: CommandParser, dangling: CommandParser) -> None:
    for each in (orphans, dangling):
        each.add_argument("labels", nargs="*", metavar="LABEL", help="alias or app.Model.field")
        _add_format(each)
    orphans.add_argument(
        "--older-than",
        type=parse_age,
        default=HOUR,
        metavar="AGE",
        help="leave out younger files, whose rows may not be committed yet (1h)",
    )
    orphans.add_argument(
        "--ignore",
        action="append",
        metavar="PATTERN",
        default=[],
        help="leave out names that match, as those in INMEMORYSTORAGE_IGNORED_ORPHANS",
    )
    orphans.add_argument("--delete", action="store_true", help="delete the orphans")
    _add_noinput(orphans)


def _add_check(check: CommandParser) -> None:
    check.add_argument("alias", type=parse_alias, metavar="ALIAS")
    _add_format(check)
    for option, help in (("--has", "has"), ("--lacks", "lacks")):
        check.add_argument(
            option,
            action="append",
            choices=NAMES,
            default=[],
            metavar="CAPABILITY",
            help=f"what the storage {help}, which a probe must confirm: {', '.join(NAMES)}",
        )
    check.add_argument(
        "--thorough", action="store_true", help="also race threads, and draw random operations"
    )
    _add_noinput(check)


def _add_format(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=["text", "json"], default="text")


def _add_noinput(parser: CommandParser) -> None:
    parser.add_argument(
        "--noinput", "--no-input", action="store_false", dest="interactive", help="do not ask"
    )


class Command(BaseCommand):
    """List, read, copy and check the files of the storages in STORAGES."""

    help = (
        "List, read, copy and check the files of the storages in STORAGES. A NAME is alias:name, "
        "or a name in the default storage. Files in the memory of another process, such as "
        "runserver, are not visible here: use call_command() in that process."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subcommands."""
        subparsers = parser.add_subparsers(
            required=True, metavar="{ls,tree,cat,cp,orphans,dangling,check}"
        )
        common = CommonOptions().create_parser("", "", add_help=False)

        def add(run: Callable[..., None]) -> CommandParser:
            text, name = run.__doc__, run.__name__.removesuffix("_storage")
            added: CommandParser = subparsers.add_parser(
                name,
                help=text,
                description=text,
                parents=[common],
                formatter_class=DjangoHelpFormatter,
            )
            added.set_defaults(run=run)
            return added

        _add_reading(add(self.ls), add(self.tree), add(self.cat))
        _add_copying(add(self.cp))
        _add_surveys(add(self.orphans), add(self.dangling))
        _add_check(add(self.check_storage))

    def handle(self, *args: Any, run: Callable[..., None], **options: Any) -> None:
        """Run a subcommand; raise ``CommandError`` if it fails."""
        try:
            run(**options)
            self.stdout.flush()
        except BrokenPipeError:  # nothing reads the output any longer, as after `| head`
            # Python flushes the standard output once more when it exits.
            with open(os.devnull, "wb") as devnull:
                os.dup2(devnull.fileno(), underlying(self.stdout).fileno())
            sys.exit(1)
        except Exception as error:
            code = error.returncode if isinstance(error, CommandError) else 1
            raise CommandError(printable(_message(error)), returncode=code) from error

    def write(self, line: str) -> None:
        """Write a line; escape what the output's encoding lacks."""
        encoding = underlying(self.stdout).encoding or "utf-8"
        self.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding))

    def ls(self, *, name: QualifiedName, long: bool, recursive: bool, **options: Any) -> None:
        """List the names in a directory."""
        found = name.require()
        entries = scan(name.storage, name.name) if found.is_directory else [found]
        top = name.name if found.is_directory else found.name.rpartition("/")[0]
        for entry in walk(entries) if recursive else entries:
            shown = printable(entry.name.removeprefix(f"{top}/")) + "/" * entry.is_directory
            self.write(f"{_details(entry)}  {shown}" if long else shown)

    def tree(self, *, name: QualifiedName, **options: Any) -> None:
        """Draw everything below a directory as a tree."""
        counts: Counter[bool] = Counter()

        def branches(directory: str) -> Iterator[Branch]:
            for entry in scan(name.storage, directory):
                counts[entry.is_directory] += 1
                label = printable(entry.basename) + "/" * entry.is_directory
                yield label, branches(entry.name) if entry.is_directory else ()

        is_directory = name.require().is_directory
        self.write(printable(str(name)))
        for line in draw_tree(branches(name.name) if is_directory else ()):
            self.write(line)
        directories = f"{counts[True]:,} director{pluralize(counts[True], 'y,ies')}"
        self.write(f"{directories}, {counts[False]:,} file{pluralize(counts[False])}")

    def cat(self, *, names: list[QualifiedName], **options: Any) -> None:
        """Write the content of files to the standard output."""
        for name in names:
            if name.require().is_directory:
                raise CommandError(f"{name} is a directory. List it with ls or tree.")
        output = getattr(underlying(self.stdout), "buffer", None)
        for name in names:
            with name.storage.open(name.name) as file:
                if output is None:  # such as a StringIO
                    self.stdout.write(file.read().decode(errors="replace"), ending="")
                else:
                    shutil.copyfileobj(file, output)

    def cp(
        self,
        *,
        sources: list[QualifiedName],
        destination: str,
        existing: str,
        verbosity: int,
        **options: Any,
    ) -> None:
        """Copy files, and directories with everything below them."""
        copies = plan(sources, parse(destination), is_directory=destination.endswith("/"))
        taken = find_taken(copies)
        if taken and existing == "fail":
            raise CommandError(
                f"Nothing was copied: {len(taken):,} of {len(copies):,} names are taken, such as "
                f"{min(taken)}. Pass --existing=skip to keep those files, or --existing=replace."
            )
        if existing == "skip":
            copies = {target: copies[target] for target in copies if target not in taken}
        for done, (target, source) in enumerate(copies.items()):
            progress = f"{done:,} of {len(copies):,} files"
            try:
                with (
                    source.storage.open(source.name) as opened,
                    _progress(opened, progress, underlying(self.stderr)) as file,
                ):
                    # A new File: some storages move a file whose path they can see.
                    content = File(file, target.name)
                    (replace if target in taken else create)(target, content)
            except Exception as error:
                raise CommandError(
                    f"{source} could not be copied to {target}: {_message(error)} "
                    f"({progress} were copied.)"
                ) from error
        if verbosity:
            self.write(f"{len(copies):,} file{pluralize(len(copies))} copied.")

    def orphans(
        self,
        *,
        labels: list[str],
        older_than: timedelta,
        ignore: list[str],
        delete: bool,
        interactive: bool,
        **options: Any,
    ) -> None:
        """Find files to which no row refers; exit with 3 if there are any that are not deleted."""
        ignore = [*ignored_orphans(), *ignore]
        with contextlib.closing(Survey(labels, progress=self._counting)) as survey:
            survey.list_files()
            if not delete or interactive:
                survey.read_rows()
                count = self._report(
                    survey.orphans(older_than=older_than, ignore=ignore), **options
                )
                found = f"{count:,} orphan{pluralize(count)} found."
                if count and not delete:
                    raise CommandError(found, returncode=FOUND)
                if not count:
                    return
                question = f"{found} Delete {pluralize(count, 'it,them')}? [y/N] "
                if not self._confirm(question):
                    raise CommandError("Nothing was deleted.", returncode=FOUND)
                options["format"] = "none"
            count = self._report(survey.delete(older_than=older_than, ignore=ignore), **options)
        if options["verbosity"]:
            underlying(self.stderr).write(f"{count:,} file{pluralize(count)} deleted.\n")

    def dangling(self, *, labels: list[str], **options: Any) -> None:
        """Find rows whose file does not exist; exit with 3 if there are any."""
        with contextlib.closing(Survey(labels, progress=self._counting)) as survey:
            survey.list_files(skips_unlistable=True)
            survey.read_rows()
            count = self._report(survey.dangling(), **options)
        if count:
            raise CommandError(f"{count:,} dangling row{pluralize(count)} found.", returncode=FOUND)

    def check_storage(
        self,
        *,
        alias: str,
        has: list[str],
        lacks: list[str],
        thorough: bool,
        format: str,
        interactive: bool,
        **options: Any,
    ) -> None:
        """Check a storage by Django's documentation; exit with 3 if it fails a check."""
        both = sorted({*has} & {*lacks})
        if both:
            raise CommandError(f"--has and --lacks both declare {', '.join(both)}. Keep one.")
        storage, directory = storage_of(alias), new_directory()
        examination = Examination(
            lambda: storage,
            Capabilities(**dict.fromkeys(has, True) | dict.fromkeys(lacks, False)),
            thorough=thorough,
            leave_thread=_leave_thread,
            directory=directory,
        )
        stream = underlying(self.stderr)
        stream.write(
            f"{alias} is {printable(_identified(storage))}.\n"
            f"{len(examination.checks)} checks save files in the new directory {directory}/, "
            "and delete them.\n"
        )
        if interactive and not self._confirm(f"Check {alias}? [y/N] "):
            raise CommandError("Nothing was written.")
        try:
            report = _examine(examination, alias, self._counting)
        except BaseException:
            if examination.left:
                stream.write(f"{printable(describe_left(examination.left))}\n")
            raise
        self._show(report, alias, directory, format)
        if not report.ok:
            count = len(report.failures)
            raise CommandError(f"{count} check{pluralize(count)} failed.", returncode=FOUND)

    def _show(self, report: Report, alias: str, directory: str, format: str) -> None:
        if format == "json":
            self.stdout.write(json.dumps(_described_report(report, alias, directory), indent=2))
            return
        for line in str(report).splitlines():
            self.write(printable(line))

    def _counting(self, items: Iterable[Any], label: str) -> Iterable[Any]:
        return _with_tqdm(items, label, underlying(self.stderr))

    def _report(
        self, found: Iterable[OrphanFile | DanglingRow], *, format: str, **options: Any
    ) -> int:
        """Write what was found, one line for each; return how many there were."""
        count = 0
        for count, each in enumerate(found, start=1):
            if format == "text":
                self.write(printable(str(each)))
            elif format == "json":
                self.stdout.write("[" if count == 1 else ",")
                self.stdout.write(json.dumps(_described(each), default=str), ending="")
        if format == "json":
            self.stdout.write("\n]" if count else "[]")
        return count

    def _confirm(self, question: str) -> bool:
        """Return whether the answer to a question is yes."""
        stream = underlying(self.stderr)
        stream.write(question)
        stream.flush()
        with contextlib.suppress(EOFError):
            return input().strip().lower() in ("y", "yes")
        return False


def _details(entry: DirEntry) -> str:
    size = modified = "-" if entry.is_directory else "?"
    if entry.size is not None:
        size = str(entry.size)
    if entry.modified is not None:
        local = localtime(entry.modified) if is_aware(entry.modified) else entry.modified
        modified = f"{local:%Y-%m-%d %H:%M}"
    return f"{size:>12}  {modified:16}"


def _described(found: OrphanFile | DanglingRow) -> dict[str, Any]:
    if isinstance(found, OrphanFile):
        modified = found.modified and found.modified.isoformat()
        return {"storage": found.label, "name": found.name, "modified": modified}
    return {
        "model": found.model._meta.label,
        "pk": found.pk,
        "field": found.field,
        "database": found.alias,
        "storage": found.label,
        "name": found.name,
    }


def _identified(storage: Any) -> str:
    """Return the class of a storage, and what tells it apart from others of its class."""
    shown = f"<{type(storage).__name__}"
    with contextlib.suppress(Exception):
        if any("__repr__" in vars(each) for each in type(storage).__mro__[:-1]):
            return repr(storage)
    for name in _PLACES:
        with contextlib.suppress(Exception):
            place = getattr(storage, name, None)
            shown += f" {name}={str(place)!r}" * bool(place)
    return f"{shown}>"


def _leave_thread() -> None:
    close_connections()
    connections.close_all()


def _examine(examination: Examination, alias: str, progress: Progress[Any]) -> Report:
    """Run the checks and clean up; raise ``CommandError`` if the storage saves nothing."""
    try:
        try:
            examination.save_one()
        except Exception as error:
            raise CommandError(
                f"{alias} was not checked, since it cannot save a file: {describe(error)}"
            ) from error
        report = examination.report(progress)
    finally:
        examination.clean()
    return dataclasses.replace(report, left=tuple(examination.left))


def _described_report(report: Report, alias: str, directory: str) -> dict[str, Any]:
    results = [
        {
            "name": each.check.name,
            "outcome": each.outcome,
            "message": each.message,
            "sentence": each.check.sentence,
            "documentation": each.check.source.line,
            "url": each.check.source.url,
        }
        for each in report
    ]
    return {
        "alias": alias,
        "storage": report.storage,
        "directory": directory,
        "ok": report.ok,
        "capabilities": dict(report.capabilities),
        "left": list(report.left),
        "results": results,
    }


def _with_tqdm(items: Iterable[Any], label: str, stream: TextIO) -> Iterable[Any]:
    """Return the items; on a terminal, with tqdm installed, show how many there were."""
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    progress: Iterable[Any] = tqdm(items, label, disable=None, leave=False, file=stream, unit="")
    return progress


def _progress(file: File[bytes], text: str, stream: TextIO) -> Any:
    """Give the file in a block; on a terminal, with tqdm installed, show how much of it is read."""
    try:
        from tqdm import tqdm
    except ImportError:
        return contextlib.nullcontext(file)
    options = {"disable": None, "leave": False, "unit": "B", "unit_scale": True}
    total = getattr(file, "size", None)
    return tqdm.wrapattr(file, "read", total, desc=text, file=stream, **options)
