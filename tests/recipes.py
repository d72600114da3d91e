"""Recipes: pages of docs/ whose files are a project."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from projects import Project

DIRECTORY = Path(__file__).parent.parent / "docs" / "recipes"
# Separate tests run the files of these pages; test_docs runs the snippets of all others.
PAGES = {f"docs/recipes/{page.name}" for page in DIRECTORY.glob("*.md")}
BLOCK = re.compile(
    r"""^(?:
        \#+[ ](?P<heading>[^\n]+)
        |```\w+\n(?:\#|<!--)[ ](?P<name>[\w./-]+)(?:[ ]-->)?\n(?P<text>.*?)^```
    )$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
# Code without the name of a file in its first line.
UNNAMED = re.compile(r"^```(?:html|ini|python|toml|yaml)\n(?!(?:#|<!--) [\w./-]+(?: -->)?\n)", re.M)
# The project of project.md; what pages show of these two of its files is appended.
SETTINGS, URLS = "mysite/settings.py", "mysite/urls.py"
START = """
from django.core.management import call_command
call_command("startproject", "mysite", ".")
call_command("startapp", "uploads")
"""


@dataclass(frozen=True)
class File:
    """A file that a page shows, under a heading."""

    heading: str
    name: str
    text: str


def files_of(page: str) -> list[File]:
    """Return the files that a page shows."""
    text = (DIRECTORY / page).read_text("utf-8")
    heading, found = "", []
    for match in BLOCK.finditer(text):
        if match["heading"]:
            heading = match["heading"]
        else:
            found.append(File(heading, match["name"], match["text"]))
    assert not UNNAMED.search(text), f"{page} has code without a file's name"
    return found


def headings_of(page: str) -> list[str]:
    """Return the headings under which a page shows files."""
    return list(dict.fromkeys(file.heading for file in files_of(page)))


def write_files(project: Project, files: Collection[File]) -> None:
    """Write files into a project; one that is shown in several parts is their sum."""
    written = {SETTINGS, URLS}
    for file in files:
        (project.directory / file.name).parent.mkdir(parents=True, exist_ok=True)
        (project.append if file.name in written else project.write)(file.name, file.text)
        written.add(file.name)


@cache
def files_of_django() -> list[File]:
    """Return the files of a project and an app as Django makes them."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        Project(root).run("-c", START)
        return [
            File("", str(path.relative_to(root)), path.read_text("utf-8"))
            for path in root.rglob("*.py")
        ]


def make_recipe(directory: Path, page: str, *headings: str) -> Project:
    """
    Write a project as Django makes it, with a page's files under its title and some headings.

    Its tests run with ``--no-migrations``, which is faster, or after ``makemigrations``.
    """
    assert {*headings} <= {*headings_of(page)}
    project = Project(directory, {"DJANGO_SETTINGS_MODULE": "mysite.settings"})
    title = re.match(r"# (.*)", (DIRECTORY / page).read_text("utf-8"))
    shown = (*headings, title and title[1])
    write_files(project, files_of_django())
    write_files(project, files_of("project.md"))
    write_files(project, [file for file in files_of(page) if file.heading in shown])
    return project
