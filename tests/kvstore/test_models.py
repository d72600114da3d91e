"""Models: objects in a key-value store."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.test import override_settings

from inmemorystorage.kvstore import get_kvstore, kvstore, models
from inmemorystorage.kvstore.backends import locmem

WHEN = datetime(2026, 1, 2, 3, 4, 5, 6)


@pytest.fixture(autouse=True)
def _store():
    """Give each test its own store."""
    with override_settings(KEY_VALUE_STORE_BACKEND=f"locmem://{uuid4()}"):
        yield


class Lower(models.Field):
    """Text that is stored in upper case, so that tests can see it."""

    def encode(self, value):
        """Return upper case."""
        return value.upper()

    def decode(self, value):
        """Return lower case."""
        return value.lower()


class Visitor(models.Model):
    """A model with a field of each kind."""

    address = models.Field(pk=True)
    pages = models.Field(default=0)
    tags = models.Field(default=[])
    since = models.Field(default=lambda: WHEN)
    word = Lower()
    seen = models.DateTimeField()
    picture = models.BytesField()
    extra = models.JSONField(default={"a": []})


class Member(Visitor):
    """A model that inherits from another."""

    name = models.Field(default="unknown")
    tags = None


def stored():
    """Return the keys and values in the backend of the default store."""
    return locmem.stores[kvstore.uri.removeprefix("locmem://")].values


def test_get_returns_the_saved_object():
    """get() returns a new object with the saved values."""
    visitor = Visitor(address="::1", pages=3, tags=["a"], word="w", seen=WHEN, picture=b"\xff")
    visitor.save()
    found = Visitor.get("::1")
    assert vars(found) == vars(visitor)
    assert found == visitor and found is not visitor


def test_missing_objects():
    """get() returns None for a missing object, get_or_raise() raises the model's DoesNotExist."""
    assert Visitor.get("::1") is None
    assert Visitor.get(None) is None
    with pytest.raises(Visitor.DoesNotExist, match=r"No Visitor has the primary key '::1'"):
        Visitor.get_or_raise("::1")


def test_get_or_raise():
    """get_or_raise() returns an object that exists."""
    Visitor(address="::1", pages=7).save()
    assert Visitor.get_or_raise("::1").pages == 7


def test_bases_of_does_not_exist():
    """A model's DoesNotExist derives from those of its bases, of models and of Django."""
    assert issubclass(Member.DoesNotExist, Visitor.DoesNotExist)
    assert issubclass(Visitor.DoesNotExist, models.DoesNotExist)
    assert issubclass(models.DoesNotExist, ObjectDoesNotExist)
    assert not issubclass(Visitor.DoesNotExist, Member.DoesNotExist)
    error = pickle.loads(pickle.dumps(Member.DoesNotExist("text")))
    assert type(error) is Member.DoesNotExist


def test_get_many():
    """get_many() returns the objects that exist, by primary key."""
    for number in range(3):
        Visitor(address=f"{number}", pages=number).save()
    found = Visitor.get_many(["0", "missing", None, "2", "0"])
    assert {key: each.pages for key, each in found.items()} == {"0": 0, "2": 2}
    assert Visitor.get_many([]) == {}


def test_delete():
    """delete() ignores a missing object, and keeps the object usable."""
    visitor = Visitor(address="::1")
    visitor.delete()
    visitor.save()
    visitor.delete()
    assert Visitor.get("::1") is None and stored() == {}
    visitor.save()
    assert Visitor.get("::1") == visitor


def test_defaults():
    """A field without a value gets its default, the result of a callable default, or None."""
    visitor = Visitor()
    assert (visitor.address, visitor.pages, visitor.since, visitor.seen) == (None, 0, WHEN, None)


def test_mutable_defaults_are_not_shared():
    """Each object gets a deep copy of the default."""
    one, other = Visitor(), Visitor()
    one.tags.append("a")
    one.extra["a"].append("b")
    assert (other.tags, other.extra) == ([], {"a": []})
    assert (Visitor().tags, Visitor().extra) == ([], {"a": []})


def test_unknown_fields_are_refused():
    """An unknown field raises TypeError with the closest and all valid names."""
    with pytest.raises(TypeError, match=r"no field 'page'. Did you mean 'pages'\? It has address,"):
        Visitor(page=1)


def test_saving_needs_a_primary_key():
    """save() and delete() raise ValueError with the field's name without a primary key."""
    for operation in [Visitor().save, Visitor().delete]:
        with pytest.raises(ValueError, match=r"Visitor cannot be stored .*: set address\."):
            operation()


@pytest.mark.parametrize("pk", ["", "a:b", "é" * 2000, 0, 7, UUID(int=1)])
def test_primary_keys(pk):
    """A primary key may be text, a number or a UUID, and keeps its type."""
    Visitor(address=pk).save()
    found = Visitor.get(pk)
    assert found.pk == pk and type(found.pk) is type(pk)


def test_primary_keys_are_text_in_the_store():
    """1 and "1", as in a URL, are one primary key."""
    Visitor(address=1).save()
    assert Visitor.get("1").address == 1


@pytest.mark.parametrize("pk", [1.5, True, b"a", ["a"], WHEN])
def test_other_primary_keys_are_refused(pk):
    """A primary key of another type raises TypeError with the field's name."""
    for operation in [Visitor(address=pk).save, lambda: Visitor.get(pk)]:
        with pytest.raises(TypeError, match=rf"Visitor\.address: .* not {type(pk).__name__}"):
            operation()


def test_primary_keys_may_be_encoded():
    """The key in the store uses the hooks of the primary key."""

    class Word(models.Model):
        word = Lower(pk=True)

    Word(word="a").save()
    assert Word.get("a").word == "a"
    assert Word.get("A").word == "a"


def test_changing_the_primary_key_stores_another():
    """An object whose primary key was changed is saved as a second object."""
    visitor = Visitor(address="a")
    visitor.save()
    visitor.address = "b"
    visitor.save()
    assert [*Visitor.get_many(["a", "b"])] == ["a", "b"]


def test_hooks():
    """encode() returns the stored value, decode() reverses it, and neither gets None."""
    visitor = Visitor(address="a", word="word")
    assert visitor.to_dict()["word"] == "WORD"
    assert Visitor.from_dict({"word": "WORD"}).word == "word"
    assert Visitor().to_dict()["word"] is None
    assert Visitor.from_dict({"word": None}).word is None


def test_errors_of_hooks_name_the_field():
    """A TypeError or ValueError from a hook names the field."""

    class Number(models.Field):
        encode = staticmethod(int)

    class Page(models.Model):
        number = Number()

    with pytest.raises(ValueError, match=r"^Page\.number: invalid literal"):
        Page(number="x").to_dict()
    with pytest.raises(TypeError, match=r"^Page\.number: int\(\) argument"):
        Page(number=[]).to_dict()


def test_dicts_are_copies():
    """to_dict() and from_dict() copy values."""
    visitor = Visitor()
    visitor.to_dict()["tags"].append("a")
    assert visitor.tags == []
    values = {"tags": ["a"]}
    Visitor.from_dict(values).tags.append("b")
    assert values == {"tags": ["a"]}


def test_dicts_have_each_field():
    """to_dict() contains all fields, and from_dict() restores the object."""
    visitor = Visitor(address="a", seen=WHEN, picture=b"p", word="w")
    values = visitor.to_dict()
    assert [*values] == [*("address", "pages", "tags", "since", "word", "seen", "picture", "extra")]
    assert vars(Visitor.from_dict(values)) == vars(visitor)


def test_fields_may_come_and_go():
    """A new field gets its default; a removed one is dropped."""

    class Old(models.Model):
        id = models.Field(pk=True)
        gone = models.Field(default="gone")

        class Meta:
            key_prefix = "pages"

    class New(models.Model):
        id = models.Field(pk=True)
        added = models.Field(default=[])

        class Meta:
            key_prefix = "pages"

    Old(id=1).save()
    assert New.get(1).to_dict() == {"id": 1, "added": []}


def test_fields_are_inherited():
    """A subclass has the fields of its bases and its own, and separate objects."""
    Member(address="a", name="me").save()
    assert Member.get("a").name == "me"
    assert Visitor.get("a") is None


def test_a_field_may_be_removed():
    """A subclass may replace a field by another attribute."""
    assert "tags" not in Member().to_dict()
    assert Member.tags is None
    with pytest.raises(TypeError, match="no field 'tags'"):
        Member(tags=[])


def test_fields_of_a_mixin():
    """A mixin that is not a model may define fields."""

    class Dated:
        when = models.DateTimeField(default=lambda: WHEN)

    class Page(Dated, models.Model):
        id = models.Field(pk=True)

    Page(id=1).save()
    assert Page.get(1).when == WHEN


def test_a_field_may_be_replaced():
    """A subclass may replace a field, and the primary key."""

    class Other(Visitor):
        address = models.Field()
        id = models.Field(pk=True)

    Other(id=1, address="a").save()
    assert Other.get(1).address == "a"


def test_two_primary_keys_are_refused():
    """A class with two primary keys, even by inheritance, raises FieldError."""
    with pytest.raises(models.FieldError, match="two primary keys: address and id"):

        class Two(Visitor):
            id = models.Field(pk=True)


def test_a_model_without_a_primary_key_is_a_base():
    """A model without a primary key can be used, but not stored."""

    class Base(models.Model):
        when = models.Field()

    base = Base(when=1)
    assert (base.pk, repr(base), base == Base(when=1)) == (None, "<Base: None>", False)
    for operation in [base.save, base.delete, lambda: Base.get(1), lambda: Base.get_many([1])]:
        with pytest.raises(TypeError, match=r"Base has no primary key: set pk=True"):
            operation()


def test_abstract_models_have_no_objects():
    """Meta.abstract applies to one class, not to its subclasses."""

    class Base(models.Model):
        id = models.Field(pk=True)

        class Meta:
            abstract = True

    class Page(Base):
        pass

    for model in [Base, models.Model]:
        with pytest.raises(TypeError, match="is abstract"):
            model()
    assert Page(id=1).pk == 1


def test_a_field_has_one_name():
    """A Field under two names, or under a name of Model's, raises FieldError."""
    with pytest.raises(models.FieldError, match=r"the same field as a and b: make two"):

        class Twice(models.Model):
            a = b = models.Field()

    for name in ["save", "get", "DoesNotExist", "pk"]:
        with pytest.raises(TypeError, match=rf"Page\.{name} cannot be a field"):
            type("Page", (models.Model,), {name: models.Field()})


def test_the_primary_key_may_be_called_pk():
    """A primary key named pk works like any other."""

    class Page(models.Model):
        pk = models.Field(pk=True)

    Page(pk=3).save()
    assert Page.get(3).pk == 3


def test_keys_name_the_class():
    """The key has the module and class, or Meta.key_prefix, and the primary key."""

    class Page(models.Model):
        id = models.Field(pk=True)

        class Meta:
            key_prefix = "pages"

    class Below(Page):
        pass

    for model in [Visitor, Page, Below]:
        model(**{model._pk_name: "a:b"}).save()
    assert [key.removeprefix("kvstore:v:models:") for key in stored()] == [
        f"{__name__}.Visitor:a:b",
        "pages:a:b",
        f"{__name__}.{Below.__qualname__}:a:b",
    ]


def test_a_prefix_with_a_colon_is_refused():
    """A key_prefix with a colon raises FieldError: its keys could be those of another model."""
    with pytest.raises(models.FieldError, match=r"Page\.Meta\.key_prefix must .* colon: 'a:b'"):
        type("Page", (models.Model,), {"Meta": type("Meta", (), {"key_prefix": "a:b"})})


def test_mistaken_options_are_refused():
    """An unknown option of Meta raises FieldError with the valid ones."""
    with pytest.raises(
        models.FieldError, match=r"no option 'stor'. Did you mean 'store'\? It has key_pre"
    ):
        type("Page", (models.Model,), {"Meta": type("Meta", (), {"stor": "locmem://"})})


@pytest.mark.parametrize("make", [str, get_kvstore])
def test_a_store_of_its_own(make):
    """Meta.store is a URI or a store, which subclasses inherit."""
    uri = f"locmem://{uuid4()}"

    class Base(models.Model):
        class Meta:
            store = make(uri)

    class Page(Base):
        id = models.Field(pk=True)

    Page(id=1).save()
    assert stored() == {}
    assert get_kvstore(uri).get(f"models:{__name__}.{Page.__qualname__}:1") == {"id": 1}


def test_the_default_store_is_followed():
    """The default store follows the setting."""
    Visitor(address="a").save()
    with override_settings(KEY_VALUE_STORE_BACKEND=f"locmem://{uuid4()}"):
        assert Visitor.get("a") is None
    assert Visitor.get("a")


def test_equality():
    """Objects of one class are equal by primary key; without one, only to themselves."""
    assert Visitor(address="a") == Visitor(address="a", pages=3)
    assert Visitor(address="a") != Visitor(address="b")
    assert Visitor(address="a") != Member(address="a")
    assert Visitor(address="a") != "a"
    visitor = Visitor()
    assert visitor == visitor and visitor != Visitor()


def test_hash():
    """Equal objects have one hash; objects without a primary key have none."""
    assert len({Visitor(address="a"), Visitor(address="a"), Member(address="a")}) == 2
    with pytest.raises(TypeError, match="has no primary key, and so no hash"):
        hash(Visitor())


def test_repr():
    """repr() shows the class and the primary key."""
    assert repr(Visitor(address="::1")) == "<Visitor: '::1'>"


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_copies(duplicate):
    """A copy or an unpickled object has equal values, and shares none of them."""
    visitor = Visitor(address="a", seen=WHEN)
    other = duplicate(visitor)
    assert other == visitor and vars(other) == vars(visitor)
    other.tags.append("a")
    assert visitor.tags == []


def test_pickles_without_a_new_field():
    """An object from a pickle without a new field gets its default, and keeps it."""
    visitor = Visitor(address="a")
    del vars(visitor)["tags"]
    other = pickle.loads(pickle.dumps(visitor))
    other.tags.append("a")
    assert other.tags == ["a"]


def test_fields_of_a_class():
    """A field accessed on the class is the field."""
    assert Visitor.address.pk and Visitor.address.name == "address"


def test_datetimes_keep_their_offset():
    """Naive datetimes stay naive, and aware ones keep their offset."""
    zone = timezone(timedelta(hours=-3, minutes=-30))
    for seen in [WHEN, WHEN.replace(tzinfo=timezone.utc), WHEN.replace(tzinfo=zone)]:
        Visitor(address="a", seen=seen).save()
        found = Visitor.get("a").seen
        assert (found, found.utcoffset()) == (seen, seen.utcoffset())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seen", "2026-01-01", "must be a datetime, not str"),
        ("seen", WHEN.date(), "must be a datetime, not date"),
        ("picture", "text", "must be bytes, not str"),
        ("picture", 3, "must be bytes, not int"),
        ("extra", {1: 2}, "keys of type str, not int"),
        ("extra", {1, 2}, "not JSON serializable"),
    ],
)
def test_typed_fields_refuse_the_wrong_type(field, value, message):
    """A value of the wrong type raises TypeError with model and field, however it is assigned."""
    for assign in [
        lambda: Member(**{field: value}),
        lambda: setattr(Member(), field, value),
        lambda: Member.from_dict({field: value}),
    ]:
        with pytest.raises(TypeError, match=rf"^Member\.{field}: .*{message}"):
            assign()


def test_save_checks_values_again():
    """save() refuses a value that became invalid after it was assigned."""
    visitor = Visitor(address="a")
    visitor.extra["a"].append({1: 2})
    with pytest.raises(TypeError, match=r"^Visitor\.extra: "):
        visitor.save()
    assert stored() == {}


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_buffers_become_bytes(kind):
    """A bytearray or memoryview is copied to bytes."""
    assert type(Visitor(picture=kind(b"abc")).picture) is bytes


def test_pickled_stores():
    """Models work on a store with ?serializer=pickle."""

    class Page(models.Model):
        id = models.Field(pk=True)
        parts = models.Field()

        class Meta:
            store = f"locmem://{uuid4()}?serializer=pickle"

    Page(id=1, parts=(1, {2})).save()
    assert Page.get(1).parts == (1, {2})
