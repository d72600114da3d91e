"""Hostile files run no script in the name of the site."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from site_process import running_site

# What each attack does, so that a test can see it.
ATTACK = "document.title = 'taken over'; fetch('/stolen')"
FILES = {
    "drawing.svg": f"""<svg xmlns="http://www.w3.org/2000/svg" onload="{ATTACK}">
        <title>Harmless</title>
        <script>{ATTACK}</script>
        <foreignObject width="99" height="99"><body xmlns="http://www.w3.org/1999/xhtml">
            <script>{ATTACK}</script><img src="missing.png" onerror="{ATTACK}"/>
            <iframe srcdoc="&lt;script&gt;parent.{ATTACK}&lt;/script&gt;"></iframe>
        </body></foreignObject></svg>""",
    "page.html": f"""<!doctype html><title>Harmless</title><body onload="{ATTACK}">
        <script>{ATTACK}</script><img src="missing.png" onerror="{ATTACK}">
        <script src="code.js"></script>""",
    "page.xhtml": f"""<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Harmless</title>
        <script>{ATTACK}</script></head><body onload="{ATTACK}"></body></html>""",
    "feed.xml": f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Harmless</title>
        <script xmlns="http://www.w3.org/1999/xhtml">{ATTACK}</script></feed>""",
    # The name is wrong: a browser that guesses types by content would run it.
    "picture.png": f"<!doctype html><title>Harmless</title><script>{ATTACK}</script>",
    "code.js": ATTACK,
}
RUN_ELSEWHERE = ["drawing.svg", "page.html", "page.xhtml", "feed.xml"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Return a directory with the hostile files."""
    directory = tmp_path_factory.mktemp("hostile")
    for name, content in FILES.items():
        (directory / name).write_text(content)
    return directory


@pytest.fixture(scope="module")
def hostile_site(directory, tmp_path_factory):
    """Yield the URL of a gallery that has the hostile files in its storage."""
    log = tmp_path_factory.mktemp("site") / "log"
    with running_site("--no-seed", "--load", str(directory), log=log) as address:
        yield address


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a directory, without a log line for each request."""

    def log_message(self, *args):
        """Log nothing."""


@pytest.fixture
def careless_server(directory):
    """Yield the URL of a server that serves the same files without precautions."""
    handler = partial(QuietHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def open_file(page, url, recorder):
    """Open a file as a page, and return whether it ran a script."""
    page.goto(url)
    page.wait_for_load_state("networkidle")
    return page.title() == "taken over" or any("/stolen" in url for url in recorder.requested)


@pytest.mark.parametrize("name", RUN_ELSEWHERE)
def test_the_files_are_hostile(page, careless_server, recorder, name):
    """The files run their scripts on a careless server, so the next test could fail."""
    assert open_file(page, f"{careless_server}/{name}", recorder)
    recorder.expect("404")


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_runs_no_script(page, hostile_site, recorder, name):
    """A file opened as a page of the site changes nothing and fetches nothing."""
    assert not open_file(page, f"{hostile_site}/media/{name}", recorder)
    recorder.problems = [
        problem
        for problem in recorder.problems
        if "sandboxed" not in problem and "Content Security Policy" not in problem
    ]
