"""Install Django's client for MySQL and MariaDB where it can be compiled."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

# Not installed by tox: Linux has no wheels of it, and without a compiler or headers the other tests
# must still run.
INSTALL = [sys.executable, "-m", "pip", "install", "--quiet", "mysqlclient>=2.2.1"]


def install() -> None:
    """Install the client; exit with an error if CI=true requires it and it cannot be compiled."""
    if importlib.util.find_spec("MySQLdb") is not None or subprocess.call(INSTALL) == 0:
        return
    if os.environ.get("CI") == "true":
        sys.exit("mysqlclient could not be compiled: .ci/servers installs what that needs.")
    print("Without mysqlclient the tests on MariaDB are skipped.", file=sys.stderr)


if __name__ == "__main__":
    install()
