"""The chunks of a content, as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import six


def as_bytes(content: Any, chunks: Iterable[Any]) -> Iterator[bytes]:
    """
    Yield the chunks that a content gives, text as UTF-8.

    Raises what giving them raises, and ``TypeError`` when text follows bytes or the reverse.
    """
    kind: type | None = None
    for chunk in chunks:
        kind = kind or type(chunk)
        if not isinstance(chunk, kind):
            raise TypeError(f"{content!r} gives {type(chunk).__name__} after {kind.__name__}.")
        yield six.ensure_binary(cast("bytes | str", chunk))
