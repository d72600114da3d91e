"""open() of a closed handle takes the arguments of Python's open()."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kvstore.helpers import make, read
from test_files import CONTENT, REOPENINGS, outcome


@pytest.mark.parametrize(("mode", "args", "kwargs"), REOPENINGS, ids=str)
@pytest.mark.filterwarnings("ignore:line buffering")
def test_open_takes_the_arguments_of_pythons_open(
    tmp_path: Path, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """open() of a closed file takes and refuses the arguments that open() does for a path."""
    path, storage = tmp_path / "g", make()
    path.write_bytes(CONTENT)
    storage.save("g", CONTENT)
    file = storage.open("g")
    file.close()
    ours = outcome(partial(file.open, mode, *args, **kwargs), partial(read, storage, "g"), mode)
    real = outcome(partial(open, path, mode, *args, **kwargs), path.read_bytes, mode)
    # Before close() nothing is stored, whatever the buffer's size is.
    assert [*ours[:3], *ours[4:]] == [*real[:3], *real[4:]]


def test_open_with_an_opener_raises() -> None:
    """open() refuses an opener, for which there is no path on a disk."""
    storage = make()
    storage.save("g", CONTENT)
    file = storage.open("g")
    file.close()
    with pytest.raises(TypeError, match="opener"):
        file.open("rb", opener=os.open)
    assert file.open().read() == CONTENT


def test_arguments_of_an_open_file_are_ignored() -> None:
    """open() of an open file rewinds it whatever its arguments are, as Django's File does."""
    storage = make()
    storage.save("g", CONTENT)
    with storage.open("g") as file:
        assert file.read() == CONTENT
        assert file.open("rb", nonsense=1).read() == CONTENT
