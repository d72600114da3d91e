"""Runners for a suite that decorates its tests with `moto.mock_s3`, as moto was before 5.0."""

from typing import Any

import moto
from kit_runner import KitRunner  # type: ignore[import-not-found]
from recorder import RecordingRunner  # type: ignore[import-not-found]


class MotoRunner(RecordingRunner):  # type: ignore[misc]
    """Run the tests on moto, whose decorator has another name since 5.0."""

    def setup_test_environment(self, **kwargs: Any) -> None:
        """Name the decorator before the tests are imported."""
        super().setup_test_environment(**kwargs)
        vars(moto)["mock_s3"] = moto.mock_aws


class KitInsteadOfMotoRunner(KitRunner):  # type: ignore[misc]
    """Run the same tests with the library's runner and without moto."""

    def setup_test_environment(self, **kwargs: Any) -> None:
        """Leave the decorated tests as they are."""
        super().setup_test_environment(**kwargs)
        vars(moto)["mock_s3"] = lambda tests: tests
