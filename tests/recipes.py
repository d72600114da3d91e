"""Recipes: pages of docs/ whose files are a project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from projects import Project, make_project

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


def make_recipe(directory: Path, page: str, *headings: str) -> Project:
    """
    Write a project with the files of a page that stand under some headings, or its title.

    Settings are appended to the project's; a file that is shown in several parts is their sum.
    """
    project = make_project(directory)
    files = files_of(page)
    assert {*headings} <= {file.heading for file in files}
    written = {"settings.py"}
    title = re.match(r"# (.*)", (DIRECTORY / page).read_text("utf-8"))
    for file in files:
        if file.heading in (*headings, title and title[1]):
            name = "project_settings.py" if file.name == "settings.py" else file.name
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (project.append if file.name in written else project.write)(name, file.text)
            written.add(file.name)
    return project
