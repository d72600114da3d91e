"""What the constructor says to mistaken options."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from inmemorystorage import InMemoryDir, InMemoryFile, InMemoryStorage


def refusal(**options: Any) -> str:
    """Return what is said when a storage with these options is made."""
    with pytest.raises(ImproperlyConfigured) as caught:
        InMemoryStorage(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mistaken", "meant"),
    [("locatoin", "location"), ("baseurl", "base_url"), ("file_overwrite", "allow_overwrite")],
)
def test_unknown_option(mistaken: str, meant: str) -> None:
    """The constructor refuses an unknown option, and names the closest one and all others."""
    message = refusal(**{mistaken: "x"})
    _self, *options, _unknown = inspect.signature(InMemoryStorage.__init__).parameters
    assert f"no option {mistaken!r}. Did you mean {meant!r}?" in message
    assert all(option in message for option in options)


def test_unknown_option_like_no_other() -> None:
    """Nothing is guessed for a name like none of the options, such as one of a bucket's."""
    assert "Did you mean" not in refusal(bucket_name="x")


@pytest.mark.parametrize("mistaken", ["filesytem", "Filesystem", "file_system"])
def test_unknown_behavior(mistaken: str) -> None:
    """A row that there is not is refused with the names of those there are, and a guess."""
    message = refusal(behaves_like=mistaken)
    assert f"behaves_like={mistaken!r}. Did you mean 'filesystem'?" in message
    assert "It is one of 'memory', 'filesystem'." in message


@pytest.mark.parametrize("mistaken", ["", 3, False, ["m"], {}])
def test_behavior_that_is_no_name(mistaken: Any) -> None:
    """What is no name of a row is refused like a name that there is not."""
    assert f"behaves_like={mistaken!r}. It is one of" in refusal(behaves_like=mistaken)


@pytest.mark.parametrize("mistaken", [-1, "1", 1.5, True, [1]])
def test_max_size(mistaken: Any) -> None:
    """A limit must be a whole number of bytes; 0 is one, and None is none."""
    assert f"max_size={mistaken!r}: it must be a whole number of bytes" in refusal(
        max_size=mistaken
    )
    assert InMemoryStorage(max_size=0).listdir("") == InMemoryStorage(max_size=None).listdir("")


@pytest.mark.parametrize("mistaken", ["/media", 0, False, {}, InMemoryFile(), InMemoryDir])
def test_filesystem(mistaken: Any) -> None:
    """A filesystem is a directory node; for a path the message names the right option."""
    message = refusal(filesystem=mistaken)
    assert "filesystem=" in message and "Pass a path as location=" in message


def test_positional_arguments() -> None:
    """The first two may be given by their places, as in 2.1; the others by name alone."""
    tree = InMemoryDir()
    storage = InMemoryStorage(tree, "/m/")
    assert (storage.filesystem, storage.base_url) == (tree, "/m/")
    with pytest.raises(TypeError, match="positional"):
        InMemoryStorage(tree, "/m/", "/location")
