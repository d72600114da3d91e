"""Sphinx's settings: the pages of this directory as a site, and a reference from the docstrings."""

from __future__ import annotations

from importlib import import_module, metadata

import django
from django.conf import settings
from sphinx.application import Sphinx

project = "dj-inmemorystorage"
author = "the dj-inmemorystorage contributors"
copyright = author
release = metadata.version(project)
REPOSITORY = "https://github.com/waveaccounting/dj-inmemorystorage/blob/HEAD/"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"{project} {release}"
myst_heading_anchors = 3
default_role = "code"  # `single backticks` in docstrings
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
nitpick_ignore_regex = [("py:class", ".*")]  # annotations name classes that have no page here

settings.configure()
django.setup()


def load_lazy_names() -> None:
    """Import the public names that packages import on demand, so that autodoc finds them."""
    for name in ("", ".testing", ".kvstore"):
        package = import_module(f"inmemorystorage{name}")
        for public in package.__all__:
            setattr(package, public, getattr(package, public))


def link_to_repository(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn links to files outside of docs/ into links to the repository."""
    up = "../" * (docname.count("/") + 1)
    source[0] = source[0].replace(f"]({up}", f"]({REPOSITORY}")


def setup(app: Sphinx) -> None:
    """Connect what has to happen before pages are read."""
    load_lazy_names()
    app.connect("source-read", link_to_repository)
