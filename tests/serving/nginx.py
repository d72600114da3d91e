"""An nginx that serves a directory: the responses that clients expect."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

# Debian installs it in /usr/sbin, which is not on the PATH of most users.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

# The user matters if root starts nginx: its worker must read the files of the test. By default only
# the exact date of the file is "not modified"; "before" follows RFC 9110, section 13.1.3. After a
# 412, nginx closes a connection that it promised to keep alive, so it keeps none alive.
CONFIGURATION = """
daemon off; user root; pid pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off; default_type application/octet-stream; if_modified_since before;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_timeout 0; large_client_header_buffers 4 64k;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

Answer = tuple[int, dict[str, str], bytes]


class Nginx:
    """A running nginx."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, name: str, method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
        """Return the status, the headers and the content of the response to a request."""
        self._connection.request(method, f"/{name}", headers=dict(headers))
        response = self._connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextlib.contextmanager
def running_nginx(root: Path, work: Path) -> Iterator[Nginx]:
    """Run nginx on a free port of the loopback interface; its own files go to `work`."""
    assert NGINX is not None
    with (work / "errors").open("wb") as errors, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        configuration = work / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(port=port, root=root))
        process = subprocess.Popen(
            [NGINX, "-p", str(work), "-c", str(configuration)],
            # nginx inherits the socket, so no other process takes the port, and it accepts at once.
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
            stderr=errors,
        )
    nginx = Nginx(port)
    try:
        yield nginx
    finally:
        nginx.close()
        process.terminate()
        process.wait()
