"""Alternative names that are the same every time."""

from __future__ import annotations

import random
import string
from contextlib import ExitStack

from django.core.files.storage import base

from .tools import TestTool, attribute


class deterministic_names(TestTool):
    """
    Have the random letters of alternative names (``photo_a1B2c3D.png``) follow a seed.

    :param seed: the same seed gives the same names, in the same order.
    """

    def __init__(self, seed: int | str | bytes = 0) -> None:
        super().__init__()
        self._seed = seed
        self._exits: list[ExitStack] = []

    def enable(self) -> None:
        """Begin with the first name."""
        chooser = random.Random(self._seed)

        def get_random_string(
            length: int, allowed_chars: str = string.ascii_letters + string.digits
        ) -> str:
            return "".join(chooser.choices(allowed_chars, k=length))

        with ExitStack() as stack:
            stack.enter_context(attribute(base, "get_random_string", get_random_string))
            self._exits.append(stack.pop_all())

    def disable(self) -> None:
        """Have them random again."""
        self._exits.pop().close()
