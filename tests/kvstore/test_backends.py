"""Which class stands behind a scheme, and what is told where there is none."""

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
# What to take away, so that the client of an extra is not there.
CLIENTS = {
    "redis": "redis",
    "memcached": "pymemcache",
    "aws": "boto3",
    "appengine": "google.appengine",
}
EXTRAS = {scheme: extra for scheme, (_, extra) in SCHEMES.items() if extra}


@pytest.fixture(autouse=True)
def _fresh():
    """Forget which classes have been found."""
    find_class.cache_clear()
    yield
    find_class.cache_clear()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a module which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield write
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(("scheme", "extra"), EXTRAS.items())
def test_missing_clients(scheme, extra, monkeypatch):
    """A scheme whose client is not installed tells how to install it."""
    client = CLIENTS[extra]
    for module in {*sys.modules} - {base.__name__}:
        if f"{module}.".startswith((f"{client}.", f"{BACKENDS}.")) and module != BACKENDS:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, client, None)
    expected = rf"^{scheme}:// needs a client .*: pip install dj-inmemorystorage\[{extra}\]$"
    with pytest.raises(ImproperlyConfigured, match=expected):
        get_kvstore(f"{scheme}://host")


def test_an_error_in_a_module_without_a_client_is_itself(monkeypatch):
    """What needs no client says nothing of one."""
    monkeypatch.delitem(sys.modules, f"{BACKENDS}.locmem")
    monkeypatch.setitem(sys.modules, f"{BACKENDS}.locmem", None)
    with pytest.raises(ImportError, match="locmem"):
        find_class("locmem")


def test_unknown_schemes():
    """A scheme that there is not is told with what was meant, and what there is."""
    expected = r"scheme 'rediss3'. Did you mean 'rediss'\? The schemes are locmem, db, .*, and do"
    with pytest.raises(ImproperlyConfigured, match=expected):
        get_kvstore("rediss3://host")


def test_a_module_with_a_class():
    """A dotted path may be that of a module, whose StorageClass it is."""
    assert find_class(forgetful.__name__) is forgetful.StorageClass


def test_a_class():
    """A dotted path may be that of the class."""
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
    """What cannot be imported, or is no backend, is told."""
    with pytest.raises(ImproperlyConfigured, match=message):
        get_kvstore(f"{path}://host")


def test_an_import_error_inside_of_a_module_is_told(write):
    """The module is there; what it imports is not, and that is what the message says."""
    write("broken_kvstore", "import a_missing_client\n")
    with pytest.raises(ImproperlyConfigured, match="No module named 'a_missing_client'"):
        get_kvstore("broken_kvstore.StorageClass://host")


def test_a_name_that_a_module_has_not_inside_of_a_module(write):
    """So is a name that another module does not have."""
    write("broken_kvstore", "from os import nothing_of_the_kind\n")
    with pytest.raises(ImproperlyConfigured, match="nothing_of_the_kind"):
        get_kvstore("broken_kvstore.StorageClass://host")


class Least(Backend):
    """A backend with what it has to have alone."""

    def get(self, key):
        """Have nothing."""

    def set(self, key, value, ttl=None):
        """Keep nothing."""

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
def test_what_a_backend_does_not_declare(operation, arguments):
    """It is not there."""
    with pytest.raises(NotImplementedError):
        getattr(Least("", {}), operation)(*arguments)


def test_an_entry_that_a_backend_cannot_insert():
    """Nor is what is asked with a keyword."""
    with pytest.raises(NotImplementedError):
        Least("", {}).insert_entry("directory", "name", base.Entry(b"meta"), marker=None)


def test_least():
    """What a backend need not say has an answer."""
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
    """The number is that of the client's exception, or EIO."""
    assert Least("", {}).error_number(error) == number
