"""The imports between rooms, read from the sources."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import types
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import inmemorystorage
from inmemorystorage import conformance, fallback, kvstore, serving, testing

pytestmark = pytest.mark.once

NAME = "inmemorystorage"
PACKAGE = Path(inmemorystorage.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Which rooms each room may import; a new one needs its line here. A subpackage is one room.
MAY_IMPORT: dict[str, set[str]] = {
    # The engine: it knows nothing of Django.
    "exceptions": set(),
    "behaviors": set(),
    "forks": set(),
    "streams": set(),
    "tree": {"behaviors", "exceptions", "streams"},
    # Buckets, and the requests of object stores on them: no SDK, no Django.
    "buckets": {"exceptions", "forks", "tree"},
    # The storage and its parts.
    "files": {"behaviors", "streams", "tree"},
    "content": {"files", "tree"},
    "naming": {"behaviors", "tree"},
    "options": {"behaviors", "tree"},
    "urls": set(),
    "walk": set(),
    # Checks of any storage, on Django's storage API alone.
    "conformance": {"walk"},
    "project": set(),
    "transfer": {"exceptions", "project", "tree", "walk"},
    "storage": {
        *("behaviors", "content", "exceptions", "files", "naming", "options", "streams"),
        *("transfer", "tree", "urls"),
    },
    # Several storages in order, on Django's storage API alone.
    "fallback": {"exceptions", "forks", "project", "streams"},
    # Files without rows, and rows without files, on Django's storage API.
    "file_keys": {"fallback", "project", "tree"},
    "orphans": {"fallback", "file_keys", "project", "walk"},
    # Key-value stores, and Django's storage API on them.
    "kvstore": {
        *("behaviors", "content", "exceptions", "files", "forks", "naming", "options", "streams"),
        "urls",
    },
    "__init__": {"exceptions", "fallback", "storage", "tree"},
    # Django's hooks.
    "checks": {"fallback", "urls"},
    "apps": {"checks"},
    # Files over HTTP, of any storage.
    "serving": {"buckets", "exceptions", "project", "storage", "transfer", "walk"},
    # The kit for tests.
    "testing": {
        *("buckets", "exceptions", "fallback", "files", "forks", "kvstore", "orphans", "project"),
        *("serving", "storage", "tree", "walk"),
    },
    # A panel of django-debug-toolbar, on the kit.
    "toolbar": {"buckets", "testing"},
    # Commands, one of which is a server on the kit.
    "management": {"checks", "conformance", "kvstore", "orphans", "testing", "walk"},
}
WITHOUT = ("exceptions", "behaviors", "forks", "streams", "tree", "buckets")
ENGINE = [module for module in MODULES if module.startswith(WITHOUT)]

# What modules import at their top, and do not offer.
FROM_ELSEWHERE = {"annotations", "Any", "TYPE_CHECKING", "import_module"}

# Imports each module named on the command line where there is no Django; the package's own
# __init__, which offers the storage, is left out by a bare module in its place.
WITHOUT_DJANGO = """
import importlib, sys, types
sys.modules["django"] = None
package = types.ModuleType("inmemorystorage")
package.__path__ = [sys.argv[1]]
sys.modules["inmemorystorage"] = package
for name in sys.argv[2:]:
    importlib.import_module(f"inmemorystorage.{name}")
"""


def room(module: str) -> str:
    """Return the room that a module belongs to."""
    return module.partition(".")[0]


def imports(path: Path) -> Iterator[str]:
    """Name each module that a module imports, in full, for types alone too."""
    package = ".".join(("inmemorystorage", *path.relative_to(PACKAGE).parts[:-1]))
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from imported_from(node, package)
        else:
            pending += ast.iter_child_nodes(node)


def imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    """Name the modules that a from-import reaches; of `from . import a`, `a` is one."""
    parents = package.split(".")
    base = parents[: len(parents) + 1 - node.level] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    yield from [module] if node.module else (f"{module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    """Name the rooms of the package that a module imports."""
    parts = (name.split(".") for name in imports(path))
    return {name[1] if name[1:] else "__init__" for name in parts if name[0] == "inmemorystorage"}


def modules_imported(path: Path) -> set[str]:
    """Name the modules of the package that a module imports, packages by their `__init__`."""
    names = {name.partition(".")[2] for name in imports(path) if name.startswith(NAME)}
    return {name if name in MODULES else f"{name}.__init__".strip(".") for name in names}


def public_members() -> Iterator[tuple[str, object]]:
    """Give each public name of the package, and each public name of its classes."""
    for name in inmemorystorage.__all__:
        offered = getattr(inmemorystorage, name)
        yield name, offered
        members = vars(offered).items() if inspect.isclass(offered) else ()
        for member, value in members:
            if not member.startswith("_") and is_documentable(value):
                yield f"{name}.{member}", value


def is_documentable(value: object) -> bool:
    """Tell functions and properties, which have docstrings, from plain values."""
    kinds = (types.FunctionType, property, classmethod, staticmethod)
    return isinstance(value, kinds) or hasattr(value, "attrname")


def test_each_room_has_its_line() -> None:
    """No module is without a line in the table of imports, and no line is without a module."""
    assert {room(module) for module in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_what_it_may(module: str) -> None:
    """A module imports the rooms that its own room's line names, and its own room."""
    assert rooms_imported(MODULES[module]) <= MAY_IMPORT[room(module)] | {room(module)}


def test_imports_make_no_circle() -> None:
    """The table leads downwards: a room is listed after all that it may import."""
    seen: set[str] = set()
    for name, allowed in MAY_IMPORT.items():
        assert allowed <= seen, name
        seen.add(name)


def test_modules_make_no_circle() -> None:
    """No module imports itself through others, for types alone either."""
    graph = {module: modules_imported(path) for module, path in MODULES.items()}
    TopologicalSorter(graph).prepare()


def test_tree_runs_without_django() -> None:
    """Every module of the tree can be imported without Django."""
    command = [sys.executable, "-W", "error", "-c", WITHOUT_DJANGO, str(PACKAGE), *ENGINE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tree_names_no_django() -> None:
    """No function of the tree imports Django when it is called."""
    engine = [path for module, path in MODULES.items() if module in ENGINE]
    assert not [path for path in engine for name in imports(path) if name.startswith("django")]


@pytest.mark.parametrize(
    "package", [inmemorystorage, conformance, fallback, kvstore, serving, testing]
)
def test_all_names_what_is_public(package: types.ModuleType) -> None:
    """`__all__` is sorted, and is what a package offers beside its modules."""
    lazy = {name for name in package.__all__ if getattr(package, name)}
    offered = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert package.__all__ == sorted(offered - FROM_ELSEWHERE | lazy)


@pytest.mark.parametrize(
    "package", [inmemorystorage, conformance, fallback, kvstore, serving, testing]
)
def test_other_names_are_refused(package: types.ModuleType) -> None:
    """A name that a package does not offer is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Storage'"):
        package.Storage  # noqa: B018


def test_the_plugin_loads_without_django() -> None:
    """pytest loads the plugin in every project, also in one that has no Django."""
    code = "import sys; sys.modules['django'] = None; import inmemorystorage.testing.pytest_plugin"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_names_have_docstrings() -> None:
    """Each public name, and each public method and property, says what it is."""
    assert not [name for name, value in public_members() if not inspect.getdoc(value)]
