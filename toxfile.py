"""Let tox find the interpreters that pyenv keeps, whichever of them is the active one."""

from __future__ import annotations

import os
from pathlib import Path

from tox.config.sets import ConfigSet
from tox.plugin import impl
from tox.session.state import State


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Append pyenv's interpreters, if it is there, to those that `--discover` names."""
    root = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"))
    interpreters = map(str, sorted(root.glob("versions/3.*/bin/python")))
    state.conf.options.discover = [*getattr(state.conf.options, "discover", ()), *interpreters]
