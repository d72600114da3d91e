"""The errors of the constructor for mistaken options."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from inmemorystorage import InMemoryDir, InMemoryFile, InMemoryStorage


def refusal(**options: Any) -> str:
    """Return the message when a storage with these options is made."""
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
    """The constructor suggests nothing for a name that is close to no option."""
    assert "Did you mean" not in refusal(bucket_name="x")


@pytest.mark.parametrize("mistaken", ["filesytem", "Filesystem", "file_system"])
def test_unknown_behavior(mistaken: str) -> None:
    """The constructor refuses an unknown row, names all rows, and suggests the closest."""
    message = refusal(behaves_like=mistaken)
    assert f"behaves_like={mistaken!r}. Did you mean 'filesystem'?" in message
    assert "It is one of 'memory', 'filesystem'." in message


@pytest.mark.parametrize("mistaken", ["", 3, False, ["m"], {}])
def test_behavior_of_another_type(mistaken: Any) -> None:
    """The constructor refuses a row that is not a string or is empty."""
    assert f"behaves_like={mistaken!r}. It is one of" in refusal(behaves_like=mistaken)


@pytest.mark.parametrize("mistaken", [-1, "1", 1.5, True, [1]])
def test_max_size(mistaken: Any) -> None:
    """The constructor refuses a max_size that is not a number of bytes or None."""
    assert f"max_size={mistaken!r}: it must be a whole number of bytes" in refusal(
        max_size=mistaken
    )
    assert InMemoryStorage(max_size=0).listdir("") == InMemoryStorage(max_size=None).listdir("")


@pytest.mark.parametrize("mistaken", ["/media", 0, False, {}, InMemoryFile(), InMemoryDir])
def test_filesystem(mistaken: Any) -> None:
    """The constructor refuses a filesystem that is not a directory, and names location."""
    message = refusal(filesystem=mistaken)
    assert "filesystem=" in message and "Pass a path as location=" in message


def test_positional_arguments() -> None:
    """The constructor takes two positional arguments, as in 2.1, and no more."""
    tree = InMemoryDir()
    storage = InMemoryStorage(tree, "/m/")
    assert (storage.filesystem, storage.base_url) == (tree, "/m/")
    with pytest.raises(TypeError, match="positional"):
        InMemoryStorage(tree, "/m/", "/location")
