"""Pairs of storages under a FallbackStorage: the same contract, and what each pair can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract.storages import (
    BUCKET,
    DISK,
    IN_BUCKETS,
    MEMORY,
    Capabilities,
    Place,
    Subject,
    in_bucket,
    in_memory,
    on_disk,
)
from django.core.files.storage import Storage

from inmemorystorage import FallbackStorage


def over(first: Subject, second: Subject) -> Subject:
    """Return the subject of one storage over another."""

    def factory(place: Place) -> Callable[..., Storage]:
        make_first = first.factory(place)
        make_second = second.factory(replace(place, directory=place.make_directory("below")))

        def make(base_url: str | None = None, **options: Any) -> Storage:
            return FallbackStorage(
                [make_first(base_url=base_url, **options), make_second(base_url=base_url)]
            )

        return make

    return Subject(
        f"{first.label} over {second.label}",
        factory,
        both(first.can, second.can),
        first.marks + second.marks,
    )


def both(first: Capabilities, second: Capabilities) -> Capabilities:
    """Return what a pair can do: what its first storage can, but for what others answer."""
    return replace(
        first,
        has_paths_below=not first.has_paths and second.has_paths,
        looks_before_paths=first.refuses_names or second.refuses_names,
        # What is nowhere has the URL that the last one gives it.
        has_media_urls=second.has_media_urls,
    )


memory = Subject("memory", in_memory, MEMORY)
disk = Subject("disk", on_disk, DISK)
bucket = Subject("bucket", in_bucket, BUCKET, IN_BUCKETS)

PAIRS = [over(memory, disk), over(memory, bucket), over(disk, bucket)]
