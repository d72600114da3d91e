"""Settings of the suite under test, with the storage and the test runner that `run.py` chose.

The environment carries the choice: `SUITE_SETTINGS` names the suite's own settings module,
`SUITE_STORAGE` is the entry for `STORAGES["default"]` as JSON, `SUITE_SWAP` the class of Django's
storage module that the storage replaces, if any, and `SUITE_RUNNER` the test runner.
Everything else is the suite's.
"""

import json
import os
from importlib import import_module
from typing import Any

from django.conf import global_settings
from django.core.files import storage as django_storage
from django.utils.module_loading import import_string

# Positional arguments of Django's storages.
POSITIONAL = ("location", "base_url", "file_permissions_mode", "directory_permissions_mode")


def swap(name: str, backend: str, options: dict[str, Any]) -> dict[str, Any]:
    """Replace `name` in Django's storage module by a subclass of the backend; return its entry.

    The options become the subclass's defaults. It deconstructs as the class that it replaces.
    Nothing has imported that class yet: settings are loaded before models and tests.
    """
    base = import_string(backend)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        base.__init__(self, **{**options, **dict(zip(POSITIONAL, args, strict=False)), **kwargs})

    members = {"__module__": django_storage.__name__, "__init__": __init__}
    setattr(django_storage, name, type(name, (base,), members))
    return {"BACKEND": f"{django_storage.__name__}.{name}"}


_own = import_module(os.environ["SUITE_SETTINGS"])
globals().update({name: getattr(_own, name) for name in dir(_own) if name.isupper()})

_default = json.loads(os.environ["SUITE_STORAGE"])
if os.environ["SUITE_SWAP"]:
    _default = swap(os.environ["SUITE_SWAP"], _default["BACKEND"], _default.get("OPTIONS", {}))
STORAGES = {**getattr(_own, "STORAGES", global_settings.STORAGES), "default": _default}
TEST_RUNNER = os.environ["SUITE_RUNNER"]
