"""Ceph's S3 gateway on loopback, for the weekly run; run this module to unpack its programs."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from buckets import ACCOUNT, Server
from engines.processes import Process, accepts, find_program, free_port, running

# Debian's packages are unpacked and not installed, since they bring services and users.
DIRECTORY = Path(sys.prefix, "ceph")
PROGRAMS = DIRECTORY / "usr/bin"
PACKAGES = ["ceph-base", "ceph-mon", "ceph-osd", "radosgw"]
UNPACKED = ("ceph-", "lib", "radosgw")
CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:{monitor}
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# Connections are encrypted by default, which needs authentication.
ms mon client mode = crc
mon data = {directory}/mon
mon allow pool size one = true
paxos propose interval = 0.05
osd data = {directory}/osd
osd objectstore = memstore
osd class dir = {libraries}/rados-classes
erasure code dir = {libraries}/ceph/erasure-code
plugin dir = {libraries}/ceph
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
rgw data = {directory}/rgw
rgw override bucket index max shards = 1
run dir = {directory}
keyring = {directory}/keyring
admin socket =
log file =
"""
# A user with any number of buckets.
USER = ["--uid=tests", "--display-name=tests", "--max-buckets=0"]
USER += [f"--access-key={ACCOUNT['access_key']}", f"--secret-key={ACCOUNT['secret_key']}"]


@dataclass
class Cluster:
    """
    The programs of Ceph, with a configuration of one monitor and one store in memory.

    :param directory: an empty directory.
    """

    directory: Path
    fsid: str = field(default_factory=lambda: str(uuid4()))
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        libraries = [*DIRECTORY.glob("usr/lib/*-linux-gnu"), *DIRECTORY.glob("lib/*-linux-gnu")]
        values = {"fsid": self.fsid, "monitor": self.monitor, "libraries": libraries[0]}
        configured = CONFIGURATION.format(directory=self.directory, **values)
        (self.directory / "ceph.conf").write_text(configured)
        self.environment = {
            **os.environ,
            "CEPH_CONF": str(self.directory / "ceph.conf"),
            "LD_LIBRARY_PATH": ":".join(map(str, [*libraries, libraries[0] / "ceph"])),
        }

    @property
    def monitor(self) -> str:
        """Return the address of the monitor."""
        return f"127.0.0.1:{self.port}"

    def run(self, program: str, *arguments: str) -> None:
        """Run a program to its end."""
        command = [str(PROGRAMS / program), *arguments]
        subprocess.run(command, env=self.environment, check=True, timeout=60, capture_output=True)

    def process(self, program: str, *arguments: str, port: int | None = None) -> Process:
        """Return a program that runs until it is stopped, and listens at a port if one is given."""
        return Process(
            [str(PROGRAMS / program), "-f", *arguments],
            lambda: port is None or accepts(port),
            self.directory / f"{program}.log",
            {"env": self.environment, "cwd": self.directory},
        )

    def make_monitor(self) -> None:
        """Make the files of a monitor that knows of one store."""
        for name in ("mon", "osd", "rgw"):
            (self.directory / name).mkdir()
        monitors, stores = (str(self.directory / name) for name in ("monmap", "osdmap"))
        fsid = f"--fsid={self.fsid}"
        self.run("monmaptool", "--create", fsid, "--addv", "a", f"v2:{self.monitor}", monitors)
        self.run("osdmaptool", "--createsimple", "1", stores)
        maps = [f"--monmap={monitors}", f"--osdmap={stores}"]
        self.run("ceph-mon", "--mkfs", "-i", "a", fsid, *maps)


@contextmanager
def ceph() -> Iterator[Server]:
    """Run Ceph; yield its gateway as an S3 server."""
    find_program("radosgw", str(PROGRAMS))
    port = free_port()
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        cluster = Cluster(Path(directory))
        cluster.make_monitor()
        stack.enter_context(running(cluster.process("ceph-mon", "-i", "a", port=cluster.port)))
        cluster.run("ceph-osd", "--mkfs", "-i", "0", f"--osd-uuid={uuid4()}")
        stack.enter_context(running(cluster.process("ceph-osd", "-i", "0")))
        cluster.run("radosgw-admin", "user", "create", *USER)
        frontend = f"--rgw-frontends=beast endpoint=127.0.0.1:{port}"
        gateway = cluster.process("radosgw", "-n", "client.rgw", frontend, port=port)
        stack.enter_context(running(gateway))
        server = Server(f"http://127.0.0.1:{port}")
        stack.enter_context(closing(server.client))
        yield server


def install() -> None:
    """Unpack Ceph from Debian's packages; if that fails, exit with an error if CI=true."""
    try:
        if not PROGRAMS.exists():
            unpack()
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI") == "true":
            sys.exit(f"Ceph was not unpacked: {error}")
        print("Without Ceph the tests that compare with it are skipped.", file=sys.stderr)


def unpack() -> None:
    """Download the packages that are not installed, for which apt needs no root; unpack them."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as directory:
        root, archives = Path(directory, "root"), Path(directory, "archives")
        for each in ("lists/partial", "archives/partial"):
            Path(directory, each).mkdir(parents=True)
        apt = ["apt-get", "--quiet=2", "--yes", "--no-install-recommends"]
        for option in (
            "Debug::NoLocking=1",
            f"APT::Sandbox::User={getpass.getuser()}",
            f"Dir::State::lists={directory}/lists",
            f"Dir::Cache={directory}",
        ):
            apt += ["--option", option]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "--reinstall", "--download-only", *PACKAGES], check=True)
        for archive in archives.glob("*.deb"):
            if archive.name.startswith(UNPACKED):
                subprocess.run(["dpkg-deb", "--extract", archive, root], check=True)
        root.rename(DIRECTORY)


if __name__ == "__main__":
    install()
