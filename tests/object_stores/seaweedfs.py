"""SeaweedFS's S3 gateway on loopback, for the weekly run."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from buckets import ACCOUNT, Bucket, Server
from engines.processes import Process, accepts, find_program, free_port

# The servers of one process; each listens at a port of HTTP and at one of gRPC.
PARTS = ["master", "volume", "filer", "s3"]
IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCOUNT["access_key"], "secretKey": ACCOUNT["secret_key"]}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


class SeaweedFS(Server):
    """A server that holds one bucket, since each takes some of its few volumes."""

    def make_bucket(self) -> Bucket:
        """Delete all buckets, which deletes their objects, unlike S3; create one."""
        for each in self.client.list_buckets()["Buckets"]:
            self.client.delete_bucket(Bucket=each["Name"])
        return super().make_bucket()


@contextmanager
def seaweedfs() -> Iterator[Server]:
    """Run SeaweedFS with an empty directory; yield its gateway as an S3 server."""
    program = find_program("weed", str(Path(sys.executable).parent))
    ports = {name: free_port() for part in PARTS for name in (f"{part}.port", f"{part}.port.grpc")}
    url = f"http://127.0.0.1:{ports['s3.port']}"
    with tempfile.TemporaryDirectory() as directory:
        account = Path(directory, "account.json")
        account.write_text(json.dumps({"identities": [IDENTITY]}))
        command = [program, "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-dir={directory}", f"-s3.config={account}", "-master.telemetry=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=200"]
        command += ["-master.volumeSizeLimitMB=8", "-master.volumePreallocate=false"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        log, server = Path(directory, "log"), SeaweedFS(url)
        process = Process(command, lambda: accepts(ports["s3.port"]), log, {"cwd": directory})
        process.start()
        try:
            with closing(server.client):
                yield server
        finally:
            process.kill()  # it takes 20 seconds to end by itself
