"""FallbackStorages of two layers, for the same contract, and the capabilities of each pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract.storages import (
    BUCKET,
    DISK,
    FAILS_ON_S3,
    IN_BUCKETS,
    MEMORY,
    NOT_SERIALIZED,
    Place,
    Subject,
    Traits,
    in_bucket,
    in_memory,
    on_disk,
)
from django.core.files.storage import Storage

from inmemorystorage import FallbackStorage


def over(upper: Subject, lower: Subject) -> Subject:
    """Return the subject of a FallbackStorage with an upper and a lower layer."""

    def factory(place: Place) -> Callable[..., Storage]:
        make_upper = upper.factory(place)
        make_lower = lower.factory(replace(place, directory=place.make_directory("lower")))

        def make(base_url: str | None = None, **options: Any) -> Storage:
            return FallbackStorage(
                [make_upper(base_url=base_url, **options), make_lower(base_url=base_url)]
            )

        return make

    return Subject(
        f"{upper.label} over {lower.label}",
        factory,
        combine(upper.can, lower.can),
        upper.marks + lower.marks,
        upper.fails | lower.fails & NOT_SERIALIZED,
    )


def combine(upper: Traits, lower: Traits) -> Traits:
    """Return the capabilities of a pair: the upper layer's, except for what the lower answers."""
    return replace(
        upper,
        has_paths_below=not upper.paths and bool(lower.paths),
        lists_slash=True,
        looks_before_paths=upper.refuses_names or lower.refuses_names,
        # The URL of a missing file is the last layer's.
        has_media_urls=lower.has_media_urls,
    )


memory = Subject("memory", in_memory, MEMORY)
disk = Subject("disk", on_disk, DISK)
bucket = Subject("bucket", in_bucket, BUCKET, IN_BUCKETS, FAILS_ON_S3)

PAIRS = [over(memory, disk), over(memory, bucket), over(bucket, memory)]
