"""The gallery's command line: `python manage.py gallery` starts the site."""

import os
import sys
from argparse import ArgumentParser

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def tell_settings(arguments: list[str]) -> None:
    """Pass options that choose storages to the settings, which are read before the options."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--over")
    parser.add_argument("--store")
    for option, value in vars(parser.parse_known_args(arguments)[0]).items():
        if value is not None:
            os.environ[f"GALLERY_{option.upper()}"] = value


def main() -> None:
    """Run a command, unless it needs a store that does not exist."""
    from gallery.store import check_store

    check_store()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    tell_settings(sys.argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery.settings")
    try:
        main()
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {error}")
