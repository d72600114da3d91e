"""AWS services on loopback, run by moto."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import pytest
from django.core.management import call_command

from inmemorystorage.kvstore.connections import make_backend

INSTALLED = all(map(find_spec, ["moto", "werkzeug", "boto3"]))

# Set in the test's environment, so that the machine's own account is never used.
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
OTHERS = ["AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"]


@contextmanager
def account() -> Iterator[None]:
    """Set invented credentials in the environment, and close the clients that the block makes."""
    from inmemorystorage.kvstore.backends import aws

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ACCOUNT.items():
            patch.setenv(name, value)
        for name in OTHERS:
            patch.delenv(name, raising=False)
        made: list[Any] = []
        make = aws._make_client.__wrapped__

        def make_client(*arguments: Any, **session: Any) -> Any:
            made.append(make(*arguments, **session))
            return made[-1]

        aws._make_client.cache_clear()
        patch.setattr(aws, "_make_client", aws.lru_cache(make_client))
        yield
        for client in made:
            client.close()


# A wrapper around a service sees each request before it.
App = Callable[[dict[str, Any], Any], Iterable[bytes]]


@cache
def _handler() -> type:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.test import run_wsgi_app

    class Handler(MotoRequestHandler):
        """A handler that prints nothing, and keeps connections open, unlike werkzeug's."""

        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"

        def run_wsgi(self) -> None:
            """Read the whole request first, since another one follows on the connection."""
            sys.settrace(None)  # Coverage would double the time that moto takes.
            environ = self.make_environ()
            # Without a length, only the last chunk marks the end.
            length = -1 if environ.get("wsgi.input_terminated") else self.headers["Content-Length"]
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length or 0)))
            answer, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
            body = b"".join(answer)
            self.send_response(*self._status(status))
            headers.setdefault("Content-Length", str(len(body)))
            for header in headers:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        @staticmethod
        def _status(line: str) -> tuple[int, str]:
            code, _, text = line.partition(" ")
            return int(code), text

        def log(self, type: str, message: str, *arguments: Any) -> None:
            """Print nothing."""

    return Handler


@contextmanager
def service(name: str, around: Callable[[App], App] = lambda moto: moto) -> Iterator[str]:
    """
    Run a service on a free port of 127.0.0.1, in threads of this process; yield its URL.

    :param around: takes the application, and returns its replacement.
    """
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.serving import make_server

    # For one service: moto's whole application searches each request for its service.
    moto, alone = create_backend_app(name), threading.Lock()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Answer one request at a time: moto checks a condition and then writes, without a lock,
        # where the real service does both atomically.
        with alone:
            return moto(environ, start_response)

    listening = make_server("127.0.0.1", 0, around(app), threaded=True, request_handler=_handler())
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@contextmanager
def dynamodb_tables() -> Iterator[Callable[[str], str]]:
    """Run DynamoDB; yield a function that makes a table, and returns the URI of the store in it."""

    def make(name: str) -> str:
        # The account is in the URI, since a concurrent test has its own environment.
        uri = f"dynamodb://nobody:nothing@store-{name}?region=us-east-1&endpoint_url={endpoint}"
        call_command("createkvstoretable", uri, verbosity=0)
        return uri

    with service("dynamodb") as endpoint:
        backend: Any = make_backend(make("first"))
        with closing(backend.client):
            yield make
