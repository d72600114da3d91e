"""The gallery's command line: `python manage.py gallery` starts the site."""

import os
import sys
from argparse import ArgumentParser

from django.core.management import execute_from_command_line


def take_over(arguments: list[str]) -> None:
    """Tell the settings of `--over DIRECTORY`: commands have their options later than storages."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--over")
    directory = parser.parse_known_args(arguments)[0].over
    if directory is not None:
        os.environ["GALLERY_OVER"] = directory


if __name__ == "__main__":
    take_over(sys.argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery.settings")
    execute_from_command_line(sys.argv)
