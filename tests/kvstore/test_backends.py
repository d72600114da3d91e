"""The backend class of a scheme, and the errors if it cannot be found."""

from __future__ import annotations

import errno
import sys

import kvstores
import pytest
from django.core.exceptions import ImproperlyConfigured
from kvstore import forgetful

from inmemorystorage.kvstore import Backend, get_kvstore
from inmemorystorage.kvstore.backends import SCHEMES, base, find_class

BACKENDS = "inmemorystorage.kvstore.backends"
# The package that each extra installs.
CLIENTS = {
    "redis": "redis",
    "memcached": "pymemcache",
    "aws": "boto3",
    "appengine": "google.appengine",
}
EXTRAS = {scheme: extra for scheme, (_, extra) in SCHEMES.items() if extra}


@pytest.fixture(autouse=True)
def _fresh():
    """Clear the cache of classes."""
    find_class.cache_clear()
    yield
    find_class.cache_clear()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes an importable module."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(("scheme", "extra"), EXTRAS.items())
def test_missing_clients(scheme, extra, monkeypatch):
    """The error for a missing client names its extra."""
    client = CLIENTS[extra]
    for module in {*sys.modules} - {base.__name__}:
        if f"{module}.".startswith((f"{client}.", f"{BACKENDS}.")) and module != BACKENDS:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, client, None)
    expected = rf"^{scheme}:// needs a client .*: pip install dj-inmemorystorage\[{extra}\]$"
    with pytest.raises(ImproperlyConfigured, match=expected):
        get_kvstore(f"{scheme}://host")


def test_an_import_error_without_a_client_is_raised(monkeypatch):
    """The ImportError of a backend that needs no client is raised unchanged."""
    monkeypatch.delitem(sys.modules, f"{BACKENDS}.locmem")
    monkeypatch.setitem(sys.modules, f"{BACKENDS}.locmem", None)
    with pytest.raises(ImportError, match="locmem"):
        find_class("locmem")


def test_unknown_schemes():
    """The error for an unknown scheme lists the closest and all schemes."""
    expected = r"scheme 'rediss3'. Did you mean 'rediss'\? The schemes are locmem, db, .*, and do"
    with pytest.raises(ImproperlyConfigured, match=expected):
        get_kvstore("rediss3://host")


def test_a_module_with_a_class():
    """A dotted path of a module stands for its StorageClass."""
    assert find_class(forgetful.__name__) is forgetful.StorageClass


def test_a_class():
    """A dotted path may name the class."""
    assert find_class("kvstores.Memory") is kvstores.Memory
    store = get_kvstore(kvstores.new_uri())
    store.set("a", 1)
    assert store.get("a") == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing.here", "'nothing.here' cannot be imported: No module named 'nothing'"),
        ("kvstores.Missing", "'kvstores.Missing' cannot be imported: .*does not define"),
        ("kvstores.NoStore", r"'kvstores.NoStore' is not .* subclass of inmemorystorage\.kvstore"),
        ("kvstores.new_uri", "'kvstores.new_uri' is not a key-value store"),
        ("os.path", "'os.path' is not a key-value store: its StorageClass must be"),
    ],
)
def test_mistaken_paths(path, message):
    """A path that cannot be imported, or is not a backend, raises ImproperlyConfigured."""
    with pytest.raises(ImproperlyConfigured, match=message):
        get_kvstore(f"{path}://host")


def test_an_import_error_inside_a_module_is_reported(write):
    """The error for a module that fails to import names the module that is missing."""
    write("broken_kvstore", "import a_missing_client\n")
    with pytest.raises(ImproperlyConfigured, match="No module named 'a_missing_client'"):
        get_kvstore("broken_kvstore.StorageClass://host")


def test_a_missing_name_inside_a_module_is_reported(write):
    """The error for a module that fails to import a name contains that name."""
    write("broken_kvstore", "from os import nothing_of_the_kind\n")
    with pytest.raises(ImproperlyConfigured, match="nothing_of_the_kind"):
        get_kvstore("broken_kvstore.StorageClass://host")


class Least(Backend):
    """A backend with the abstract methods only."""

    def get(self, key):
        """Return nothing."""

    def set(self, key, value, ttl=None):
        """Store nothing."""

    def delete(self, key):
        """Delete nothing."""


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("add", ("key", b"value")),
        ("read_entries", ([("directory", "name")],)),
        ("replace_entry", ("directory", "name", b"meta", base.Entry(b"meta"))),
        ("remove_entry", ("directory", "name", b"meta")),
        ("list_entries", ("directory",)),
    ],
)
def test_undeclared_methods(operation, arguments):
    """A method that a backend does not declare raises NotImplementedError."""
    with pytest.raises(NotImplementedError):
        getattr(Least("", {}), operation)(*arguments)


def test_undeclared_insert_entry():
    """insert_entry() raises NotImplementedError if a backend has no entries."""
    with pytest.raises(NotImplementedError):
        Least("", {}).insert_entry("directory", "name", base.Entry(b"meta"), marker=None)


def test_least():
    """A minimal backend has defaults for create(), close() and has_key()."""
    least = Least("", {})
    assert (least.create(), least.close(), least.has_key("a")) == (None, None, False)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), errno.ECONNREFUSED),
        (OSError("text"), errno.EIO),
        (ValueError("text"), errno.EIO),
    ],
)
def test_error_numbers(error, number):
    """error_number() returns the errno of the client's exception, or EIO."""
    assert Least("", {}).error_number(error) == number
