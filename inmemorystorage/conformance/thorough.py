"""Checks of thorough mode: races of threads and of processes, and random operations."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import sources
from .catalog import check
from .processes import start_process
from .workspace import Workspace, expect_equal

THREADS = 8
PROCESSES = 3


def in_threads(space: Workspace, run: Callable[[int], Any], count: int) -> list[Any]:
    """Call a function with each number below a count, in several threads; return the results."""

    def call(number: int) -> Any:
        try:
            return run(number)
        finally:
            space.leave_thread()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(call, range(count)))


def save_all(space: Workspace, name: str, contents: list[bytes]) -> list[str]:
    """Save contents under one name; return the names that they get."""
    return [space.save(name, content) for content in contents]


def expect_contents(space: Workspace, names: list[str], contents: list[bytes]) -> None:
    """Raise ``AssertionError`` unless the names are different, and the files have the contents."""
    expect_equal(len(set(names)), len(names), f"the number of names of {len(names)} files")
    expect_equal([space.read(name) for name in names], contents, "the contents")


@check(sources.UNIQUE_NAME, "concurrency", "atomic_names", lacks=("overwrites",), thorough=True)
def threads_that_save_one_name_lose_nothing(space: Workspace) -> None:
    """Threads that save under one name get different names, and each keeps its content."""
    contents = [b"%d" % number for number in range(40)]
    names = in_threads(space, lambda number: space.save("d/a", contents[number]), len(contents))
    expect_contents(space, names, contents)


@check(sources.EXAMPLE_PATH, "concurrency", thorough=True)
def threads_make_one_directory(space: Workspace) -> None:
    """Threads that save files in one new directory find all of them."""
    for turn in range(3):
        names = in_threads(space, lambda number: space.save(f"x{turn}/y/{number}"), THREADS)  # noqa: B023 (it is called here)
        expect_equal(names, [f"x{turn}/y/{number}" for number in range(THREADS)], "the names")
        expect_equal([space.exists(name) for name in names], [True] * THREADS, "exists()")


@check(sources.DELETE, "concurrency", "deletes", thorough=True)
def threads_delete_their_own_files(space: Workspace) -> None:
    """Threads that save, read and delete files in one directory disturb no other."""

    def use(number: int) -> bytes:
        name = space.save(f"d/{number}", b"%d" % number)
        content = space.read(name)
        space.delete(name)
        return content

    contents = in_threads(space, use, 40)
    expect_equal(contents, [b"%d" % number for number in range(40)], "the contents")


@check(sources.SAVE, "processes", thorough=True)
def process_reads_a_file(space: Workspace) -> None:
    """Another process reads a file, and this one reads the files of the other."""
    name = space.save("d/a", b"content")
    wait = start_process(space.storage, space.directory, Workspace.read, name)
    expect_equal(wait(), b"content", "the content in another process")
    saved = start_process(space.storage, space.directory, save_all, "d/b", [b"theirs"])()
    expect_contents(space, [space.relative(space.name(each)) for each in saved], [b"theirs"])


@check(sources.UNIQUE_NAME, "processes", "atomic_names", lacks=("overwrites",), thorough=True)
def processes_that_save_one_name_lose_nothing(space: Workspace) -> None:
    """Processes that save under one name get different names, and each keeps its content."""
    contents = [[b"%d-%d" % (turn, number) for number in range(15)] for turn in range(PROCESSES)]
    waiting = [
        start_process(space.storage, space.directory, save_all, "d/a", each) for each in contents
    ]
    # A thread for each, so that all processes get their calls at once.
    with ThreadPoolExecutor(PROCESSES) as threads:
        names = [name for saved in threads.map(lambda wait: wait(), waiting) for name in saved]
    for name in names:
        space.name(name)
    expect_contents(space, names, [content for each in contents for content in each])


@check(sources.SAVE, thorough=True)
def random_operations_match_a_model(space: Workspace) -> None:
    """Random operations, drawn by Hypothesis, have the results that a dict predicts."""
    from .machine import compare_with_model

    compare_with_model(space)
