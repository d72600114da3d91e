"""Services of Amazon on loopback, as moto has them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from django.core.management import call_command

from inmemorystorage.kvstore.connections import make_backend

INSTALLED = all(map(find_spec, ["moto", "werkzeug", "boto3"]))

# Given in the test's environment, so that nothing of the machine's own account is asked for.
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
    """Have an account in the environment that is nobody's, and clients that end with it."""
    from inmemorystorage.kvstore.backends import aws

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ACCOUNT.items():
            patch.setenv(name, value)
        for name in OTHERS:
            patch.delenv(name, raising=False)
        made: list[Any] = []
        make = aws._make_client.__wrapped__

        def make_client(*arguments: Any) -> Any:
            made.append(make(*arguments))
            return made[-1]

        aws._make_client.cache_clear()
        patch.setattr(aws, "_make_client", aws.lru_cache(make_client))
        yield
        for client in made:
            client.close()


@contextmanager
def service(name: str) -> Iterator[str]:
    """Run a service on a free port of 127.0.0.1, in threads of this process; yield its URL."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        """A handler that prints nothing, and does not wait to send an answer."""

        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *arguments: Any) -> None:
            """Keep quiet."""

    # One service alone: all of moto looks at each request for the one that it is meant for.
    moto, alone = create_backend_app(name), threading.Lock()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        # One after the other: moto looks for a condition and writes without a lock in between,
        # where the service does both at once.
        with alone:
            return moto(environ, start_response)

    listening = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@contextmanager
def dynamodb_table() -> Iterator[str]:
    """Run DynamoDB with a table; yield the URI of the store in it."""
    with service("dynamodb") as endpoint:
        # The account is in the URI, for whoever runs meanwhile has its own environment.
        uri = f"dynamodb://nobody:nothing@store?region=us-east-1&endpoint_url={endpoint}"
        call_command("createkvstoretable", uri, verbosity=0)
        backend: Any = make_backend(uri)
        with closing(backend.client):
            yield uri
