"""A store in a table of MariaDB, and files in it, at both usual isolation levels."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from engines.databases import ServerConformance, database
from engines.stores import Stores, leave_thread
from kvstore.helpers import read, save

from inmemorystorage.kvstore import KeyValueStorage, get_kvstore
from inmemorystorage.kvstore.backends import Entry
from inmemorystorage.kvstore.connections import backend_for, reporting

pytestmark = pytest.mark.once

# The usual collations treat several of these as equal.
ALIKE = ["a", "A", "\u00e1", "a\u0301", "a ", "a\t", "ss", "\u00df", "K", "\u212a"]
ALIKE += ["\U0001f600", "\U0001f601"]
SNAPSHOTS = "mariadb-snapshots"
STATUS = "SELECT variable_value + 0 FROM information_schema.global_status WHERE variable_name ="
numbers = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def _mariadb(stores: Stores, django_db_blocker: Any) -> Iterator[None]:
    """Start the shared server, and add an alias whose transactions read snapshots."""
    stores.uri("mariadb")
    options = {"OPTIONS": {"isolation_level": "repeatable read"}}
    settings = connections.settings["mariadb-files"] | options
    with django_db_blocker.unblock(), database(SNAPSHOTS, settings):
        yield


class TestMariaDB(ServerConformance):
    """A table in MariaDB with Django's default isolation level, READ COMMITTED."""

    uri, alias = "db://store?alias=mariadb-files", "mariadb-files"
    number = "SELECT CONNECTION_ID()"
    end = "KILL %s"
    waiting = f"{STATUS} 'Innodb_row_lock_current_waits'"

    def test_keys_that_collations_treat_as_equal(self) -> None:
        """Keys and namespaces that differ in case, accents or blanks are distinct."""
        stores = [
            get_kvstore(f"{self.uri}&namespace={namespace}")
            for namespace in ["case", "Case", "CASE"]
        ]
        for number, (store, key) in enumerate(itertools.product(stores, ALIKE)):
            store.set(key, number)
        read = [store.get(key) for store in stores for key in ALIKE]
        assert read == [*range(len(stores) * len(ALIKE))]
        for store, key in itertools.product(stores, ALIKE):
            store.delete(key)

    @pytest.mark.parametrize("byte", [b"\0", b"'", b"\\", b"x"])
    def test_the_longest_statement(self, byte: bytes) -> None:
        """A value up to the declared limit fits into a packet, even if all of it is escaped."""
        value = byte * (self.backend.value_max or 0)
        self.backend.set(self.key(), value)
        assert self.backend.get(self.key()) == value

    def test_replacing_an_entry_by_itself(self) -> None:
        """replace_entry() returns True even if no byte changes."""
        place, entry = self.key(), Entry(b"meta", b"body")
        self.backend.insert_entry(place, "a", entry, marker=None)
        assert self.backend.replace_entry(place, "a", b"meta", entry) is True
        assert self.backend.remove_entry(place, "a", b"meta") is True

    def test_a_deadlock_of_a_transaction(self) -> None:
        """Of two transactions in a deadlock, one succeeds and the other raises EDEADLK."""
        met, keys = threading.Barrier(2), [self.key("a"), self.key("b")]

        def work(first: str, second: str) -> int | None:
            try:
                with transaction.atomic(self.alias), reporting(self.uri, "name") as backend:
                    backend.set(first, b"value")
                    met.wait(30)
                    backend.set(second, b"value")
            except OSError as error:
                return error.errno
            finally:
                self.leave_thread()
            return None

        with ThreadPoolExecutor(2) as threads:
            done = threads.map(work, keys, keys[::-1])
            assert sorted(done, key=str) == [errno.EDEADLK, None]

    def test_a_deadlock_of_a_statement(self) -> None:
        """A statement outside of a transaction is retried after a deadlock."""
        keys, deadlocks = [self.key("a"), self.key("b")], f"{STATUS} 'Innodb_deadlocks'"
        before = self.ask(deadlocks)
        self.backend.set_many((key, b"old") for key in keys)

        def store() -> None:
            self._with_backend("set_many", [(key, b"new") for key in keys])

        with ThreadPoolExecutor(1) as thread:
            with transaction.atomic(self.alias):
                # The database undoes the transaction with fewer changes.
                self.backend.set_many((self.key(f"{number}"), b"value") for number in range(50))
                self.backend.set(keys[1], b"mine")
                storing = thread.submit(store)
                self.wait_for_lock()
                self.backend.set(keys[0], b"mine")
            storing.result()
        assert self.backend.get_many(keys) == [b"new", b"new"]
        assert self.ask(deadlocks) == before + 1


@pytest.fixture(params=["mariadb-files", SNAPSHOTS])
def storage(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[KeyValueStorage]:
    """Return an empty storage with small chunks."""
    with django_db_blocker.unblock():
        uri = f"db://store?alias={request.param}&namespace=files-{next(numbers)}"
        yield KeyValueStorage(uri, chunk_size=10)
        leave_thread()


def elsewhere(change: Callable[[], Any]) -> Any:
    """Return the result of a function on another connection."""

    def work() -> Any:
        try:
            return change()
        finally:
            leave_thread()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def alias_of(storage: KeyValueStorage) -> str:
    """Return the alias of the database behind a storage."""
    backend: Any = backend_for(storage.uri)
    return str(backend._using)


def write(storage: KeyValueStorage, name: str, content: bytes, mode: str = "wb") -> None:
    """Write a file."""
    with storage.open(name, mode) as file:
        file.write(content)


@pytest.mark.parametrize("name", ALIKE)
def test_names_that_collations_treat_as_equal(storage: KeyValueStorage, name: str) -> None:
    """A file is found by its exact name only."""
    assert storage.save(name, ContentFile(name.encode())) == name
    assert [each for each in ALIKE if storage.exists(each)] == [name]
    assert storage.listdir("") == ([], [name])


def test_a_name_that_is_taken_during_a_transaction(storage: KeyValueStorage) -> None:
    """save() chooses another name if it was taken after the transaction looked."""
    save(storage, "d/first")
    with transaction.atomic(alias_of(storage)):
        assert not storage.exists("d/a")
        assert elsewhere(lambda: save(storage, "d/a", b"theirs")) == "d/a"
        name = save(storage, "d/a", b"mine")
    assert (name != "d/a", read(storage, "d/a"), read(storage, name)) == (True, b"theirs", b"mine")


def test_a_directory_that_is_made_during_a_transaction(storage: KeyValueStorage) -> None:
    """save() uses a directory that was made after the transaction looked."""
    with transaction.atomic(alias_of(storage)):
        assert not storage.exists("d/e")
        elsewhere(lambda: save(storage, "d/e/a"))
        assert save(storage, "d/e/b") == "d/e/b"
    assert sorted(storage.listdir("d/e")[1]) == ["a", "b"]


def test_a_file_that_is_changed_during_a_transaction(storage: KeyValueStorage) -> None:
    """A write replaces, and an append extends, content that was written concurrently."""
    save(storage, "a", b"old")
    with transaction.atomic(alias_of(storage)):
        assert read(storage, "a") == b"old"
        elsewhere(lambda: write(storage, "a", b"theirs"))
        write(storage, "a", b"mine")
    assert read(storage, "a") == b"mine"
    with transaction.atomic(alias_of(storage)):
        assert read(storage, "a") == b"mine"
        elsewhere(lambda: write(storage, "a", b"theirs, which is long"))
        write(storage, "a", b"+", "ab")
    assert read(storage, "a") == b"theirs, which is long+"


def test_a_key_that_is_added_during_a_transaction(storage: KeyValueStorage) -> None:
    """add() returns False for a key that was added concurrently, even if it is invisible."""
    key = storage.uri
    with transaction.atomic(alias_of(storage)):
        assert backend_for(storage.uri).get(key) is None
        assert elsewhere(lambda: backend_for(storage.uri).add(key, b"theirs")) is True
        assert backend_for(storage.uri).add(key, b"mine") is False
    assert backend_for(storage.uri).get(key) == b"theirs"


def test_a_transaction_leaves_no_lock_to_the_next(storage: KeyValueStorage) -> None:
    """The next transaction reads a contested name without a lock."""
    with transaction.atomic(alias_of(storage)):
        assert not storage.exists("a")
        elsewhere(lambda: save(storage, "a"))
        save(storage, "a")
    with transaction.atomic(alias_of(storage)):
        assert storage.exists("a")
        elsewhere(lambda: storage.delete("a"))
    assert not storage.exists("a")


def test_rollback_undoes_files(storage: KeyValueStorage) -> None:
    """A rollback undoes a saved file, including its chunks."""
    with transaction.atomic(alias_of(storage)):
        name = save(storage, "d/a", b"0123456789" * 5)
        assert storage.exists(name)
        transaction.set_rollback(True, alias_of(storage))
    assert not storage.exists(name)
