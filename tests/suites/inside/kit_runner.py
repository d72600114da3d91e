"""The library's runner, recorded, with a check of the suite's own MEDIA_ROOT."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from recorder import RecordingRunner  # type: ignore[import-not-found]

from inmemorystorage.testing import InMemoryStorageRunnerMixin

WATCH = "nothing is written to MEDIA_ROOT"


def state(media_root: str | Path) -> dict[str, int]:
    """Return all entries of a MEDIA_ROOT, each with the time of its last write.

    Without one, storages write to the working directory, which does not move.
    """
    directory = Path(media_root)
    paths = [directory, *directory.rglob("*")] if media_root and directory.exists() else []
    return {str(path): path.lstat().st_mtime_ns for path in paths}


class KitRunner(InMemoryStorageRunnerMixin, RecordingRunner):  # type: ignore[misc]
    """Replace all storages, and record the watch as one more outcome."""

    def setup_test_environment(self, **kwargs: Any) -> None:
        """Read MEDIA_ROOT before it is replaced."""
        self._media_root = settings.MEDIA_ROOT
        self._before = state(self._media_root)
        super().setup_test_environment(**kwargs)

    def teardown_test_environment(self, **kwargs: Any) -> None:
        """Record whether MEDIA_ROOT changed."""
        super().teardown_test_environment(**kwargs)
        after = state(self._media_root)
        written = sorted(path for path in after if self._before.get(path) != after[path])
        report = Path(os.environ["SUITE_OUTCOMES"])
        outcomes = json.loads(report.read_text())
        outcomes[WATCH] = ["failed", ", ".join(written)[:200]] if written else ["passed"]
        report.write_text(json.dumps(outcomes))
