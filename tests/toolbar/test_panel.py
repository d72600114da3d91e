"""The panel of django-debug-toolbar, on pages of a small site."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from buckets import needs_s3
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import CheckMessage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.template import Context, Engine
from django.test import AsyncClient, Client, override_settings

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.testing import capture_storage_operations
from inmemorystorage.testing.s3_floor import S3Floor

pytest.importorskip("debug_toolbar")

from toolbar.pages import Site

HERE = Path(__file__).parent
PANEL = "inmemorystorage.toolbar.StoragePanel"
SLOW = 10  # seconds until a test of threads gives up


@pytest.fixture(autouse=True)
def _site(settings: Any, restored_checks: None) -> Iterator[None]:
    """Serve the site, with the toolbar and its system checks, for clients on this machine."""
    with override_settings(
        DEBUG=True,
        INSTALLED_APPS=[*settings.INSTALLED_APPS, "debug_toolbar"],
        INTERNAL_IPS=["127.0.0.1"],
        MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"],
        ROOT_URLCONF="toolbar.site_urls",
        STATIC_URL="/static/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
            }
        ],
        DEBUG_TOOLBAR_PANELS=["debug_toolbar.panels.history.HistoryPanel", PANEL],
        DEBUG_TOOLBAR_CONFIG={"RENDER_PANELS": True},
    ):
        yield


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Return a function that sets what the page does."""
    return lambda function: monkeypatch.setattr(Site, "view", lambda request: function())


def get(path: str = "/", **extra: Any) -> str:
    """Return a page."""
    return Client().get(path, **extra).content.decode()


def stats() -> dict[str, Any]:
    """Return what the toolbar stored for the last page."""
    from debug_toolbar.store import get_store

    store: Any = get_store()
    found: dict[str, Any] = store.panel(list(store.request_ids())[-1], "StoragePanel")
    return found


def operations() -> list[tuple[str, str]]:
    """Return the operations of the last page, with their names."""
    return [(row["op"], row["name"]) for each in stats()["storages"] for row in each["rows"]]


def is_patched() -> bool:
    """Return whether the operations of storages are wrapped."""
    return hasattr(Storage.save, "__wrapped__")


def in_thread(function: Callable[[], Any]) -> None:
    """Call a function in another thread, and wait for it."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(SLOW)


def text(html: str) -> str:
    """Return the text of a page and its toolbar."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def test_a_page(view: Any) -> None:
    """A page shows its operations with bytes, times, lines and their sums."""
    storage = InMemoryStorage()

    def save() -> None:
        storage.save("lake.txt", ContentFile(b"four"))
        assert storage.size("lake.txt") == 4
        with pytest.raises(FileNotFoundError):
            storage.open("sea.txt")

    view(save)
    html = get()
    (group,) = stats()["storages"]
    assert group["label"] == "InMemoryStorage" and group["count"] == 3
    saved, measured, opened = group["rows"]
    assert (saved["op"], saved["name"], saved["bytes"], saved["error"]) == (
        *("save", "lake.txt", 4, ""),
    )
    assert (measured["op"], measured["bytes"]) == ("size", 4)
    assert (opened["op"], opened["error"]) == ("open", "PathDoesNotExist")
    assert re.search(r"test_panel.py:\d+ in save$", saved["line"])
    assert saved["path"] == __file__ and saved["href"] == ""
    assert re.search(r"Storage 3 operations, \d+\.\d ms", text(html))
    assert "save lake.txt 4" in text(html) and "open PathDoesNotExist sea.txt" in text(html)
    assert 0 < stats()["time"] <= group["time"] == sum(row["time"] for row in group["rows"])
    assert not is_patched()


def test_a_page_without_files(view: Any) -> None:
    """A page without operations has an empty panel."""
    view(lambda: "nothing")
    html = get()
    assert "0 operations, 0.0 ms" in text(html)
    assert "Operation" not in text(html)


@pytest.mark.parametrize("kind", ["disk", "memory", "fallback", "store", "custom"])
def test_any_storage(view: Any, tmp_path: Path, kind: str) -> None:
    """The panel shows the operations of storages of any class, and not those inside of them."""

    class Custom(Storage):
        def _save(self, name: str, content: Any) -> str:
            assert not self.exists(name)
            return name

        def exists(self, name: str) -> bool:
            return False

    made: dict[str, Callable[[], Storage]] = {
        "disk": lambda: FileSystemStorage(tmp_path),
        "memory": InMemoryStorage,
        "fallback": lambda: FallbackStorage([InMemoryStorage(), FileSystemStorage(tmp_path)]),
        "store": lambda: KeyValueStorage("locmem://"),
        "custom": Custom,
    }

    def save() -> None:
        # It lives no longer than the view.
        made[kind]().save("a.txt", ContentFile(b"four"))
        gc.collect()

    view(save)
    get()
    assert operations() == [("save", "a.txt")]
    assert stats()["storages"][0]["label"] == type(made[kind]()).__name__


def test_an_alias(view: Any) -> None:
    """Operations are grouped by storage, each with its alias, or else its class."""
    view(lambda: default_storage.exists("a") or InMemoryStorage().exists("b"))
    get()
    assert [each["label"] for each in stats()["storages"]] == ["default", "InMemoryStorage"]


def test_repeated(view: Any) -> None:
    """Operations that one line repeats are marked, as the test kit's repeated() finds them."""
    storage = InMemoryStorage(base_url="/media/")

    def page() -> None:
        for name in ("a", "b", "b"):
            storage.exists(name)
        for name in ("a", "b"):
            storage.url(name)  # it asks nothing of the storage
        storage.exists("a")

    view(page)
    html = get()
    marks = [(row["times"], row["same"]) for row in stats()["storages"][0]["rows"]]
    assert marks == [(3, 1), (3, 2), (3, 2), (1, 1), (1, 1), (1, 1)]
    assert "ms, 3 repeated" in text(html)
    assert "3 times from this line, 2 times this name" in text(html)
    assert html.count('class="djDebugRowWarning"') == 3
    with capture_storage_operations() as captured:
        page()
    assert [len(each) for each in captured.repeated() if each.op == "exists"] == [3]


def test_a_template(view: Any) -> None:
    """An operation that a template calls has the line of the template."""
    storage = InMemoryStorage()
    storage.save("a", ContentFile(b"1"))
    engine = Engine(dirs=[str(HERE / "templates")])

    class File:
        size = property(lambda self: storage.size("a"))

    def from_files() -> str:
        context = Context({"files": [File(), File()]})
        return engine.get_template("listing.html").render(context)

    view(from_files)
    get()
    rows = stats()["storages"][0]["rows"]
    # The property is the project's innermost line here.
    assert {row["path"] for row in rows} == {__file__}
    view(lambda: engine.get_template("listing.html").render(Context({"files": Sizes(storage)})))
    get()
    rows = stats()["storages"][0]["rows"]
    lines = [row["line"].rpartition("/")[2] for row in rows]
    assert lines == ["listing.html:2 in template", "listing.html:3 in template"] * 2
    assert [row["times"] for row in rows] == [2] * 4


class Sizes(list):  # type: ignore[type-arg]
    """Two files, whose size a template asks of the storage itself."""

    def __init__(self, storage: Storage) -> None:
        super().__init__([{"size": partial(storage.size, "a")}] * 2)


def test_no_line() -> None:
    """An operation that no line of the project calls has no line."""
    default_storage.save("a.txt", ContentFile(b"four"))
    in_thread(partial(Client().get, "/media/a.txt"))
    assert ("open", "a.txt") in operations()
    assert {row["line"] for row in stats()["storages"][0]["rows"]} == {""}


def test_escaped(view: Any) -> None:
    """Names of files and keys are text in the panel, not HTML."""
    storage = InMemoryStorage()
    name = "<script>alert(1)</script>"
    view(lambda: storage.exists(name))
    html = get()
    assert "<script>alert" not in html
    assert "<code>&lt;script&gt;alert(1)&lt;/script&gt;</code>" in html
    assert operations() == [("exists", name)]


def test_links(view: Any) -> None:
    """Lines are links to an editor if EDITOR_URL says where it listens."""
    config = {"RENDER_PANELS": True, "EDITOR_URL": "vscode://file/{path}:{line}"}
    view(lambda: InMemoryStorage().exists("a"))
    with override_settings(DEBUG_TOOLBAR_CONFIG=config):
        html = get()
    (row,) = stats()["storages"][0]["rows"]
    assert re.fullmatch(rf"vscode://file/{re.escape(__file__)}:\d+", row["href"])
    assert f'<a href="{row["href"]}">' in html


def warnings() -> list[CheckMessage]:
    """Return what the toolbar's system check of its panels finds in this one."""
    from debug_toolbar.apps import check_panel_configs

    found: list[CheckMessage] = check_panel_configs(None)
    return [each for each in found if each.id == "inmemorystorage.W003"]


def test_links_to_odd_paths(view: Any) -> None:
    """A path in a link is quoted, as URLs require."""
    path = "/a b/50%#?&+<x>é.py"
    code = compile("storage.exists('a')", path, "exec")
    view(lambda: exec(code, {"storage": InMemoryStorage()}))
    with override_settings(DEBUG_TOOLBAR_CONFIG={"EDITOR_URL": "pycharm://open?file={path}"}):
        get()
    (row,) = stats()["storages"][0]["rows"]
    assert row["path"] == path
    assert row["href"] == "pycharm://open?file=/a%20b/50%25%23%3F%26%2B%3Cx%3E%C3%A9.py"


@pytest.mark.parametrize(
    "url", ["x://{file}", "x://{}", "x://{path", "x://{path.x}", "x://{line[0]}", "x://{path:d}", 1]
)
def test_an_editor_url_that_makes_no_links(view: Any, url: Any) -> None:
    """With a wrong EDITOR_URL a page has no links, and the system checks say why."""
    view(lambda: InMemoryStorage().exists("a"))
    with override_settings(DEBUG_TOOLBAR_CONFIG={"RENDER_PANELS": True, "EDITOR_URL": url}):
        html = get()
        (warning,) = warnings()
    assert stats()["storages"][0]["rows"][0]["href"] == ""
    assert "1 operation" in text(html)
    assert repr(url) in warning.msg and "{path} and {line}" in str(warning.hint)


@pytest.mark.parametrize("config", [{}, {"EDITOR_URL": "x://{path}"}, {"EDITOR_URL": None}])
def test_editor_urls_without_a_warning(config: dict[str, Any]) -> None:
    """An EDITOR_URL may be missing, and need not have all placeholders."""
    with override_settings(DEBUG_TOOLBAR_CONFIG=config):
        assert warnings() == []


def test_static_files(view: Any) -> None:
    """The URLs of static files are left out, which the toolbar shows in another panel."""
    view(lambda: staticfiles_storage.url("a.css"))
    get()
    assert operations() == []


def test_many(view: Any) -> None:
    """The panel shows the first 500 operations, and counts all."""
    storage = InMemoryStorage()
    view(lambda: [storage.exists(str(number)) for number in range(501)] and "")
    html = get()
    assert stats()["operations"] == 501 and len(operations()) == 500
    assert "501 operations" in text(html) and "The first 500 are shown." in text(html)


@pytest.mark.parametrize(
    "options", [{"HTTP_COOKIE": "djdtStoragePanel=off"}, {"REMOTE_ADDR": "10.0.0.1"}]
)
def test_off(view: Any, options: dict[str, str]) -> None:
    """Nothing is patched where the toolbar, or the panel in it, is off."""
    patched: list[bool] = []
    view(lambda: patched.append(is_patched()))
    get(**options)
    assert patched == [False]


def test_imports_nothing_while_off() -> None:
    """The module of the panel does not import the test kit, nor urllib3."""
    code = (
        "import sys, django; from django.conf import settings; settings.configure(); "
        "import inmemorystorage.toolbar; "
        "print([name for name in sys.modules if name.startswith(('urllib3', "
        "'inmemorystorage.testing'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_calls_in_vain(rf: Any) -> None:
    """The panel's methods may be called twice, and without the others."""
    from debug_toolbar.toolbar import DebugToolbar

    from inmemorystorage.toolbar import StoragePanel

    panel = StoragePanel(DebugToolbar(rf.get("/"), print), print)
    panel.disable_instrumentation()
    panel.generate_stats(None, None)
    assert not is_patched()
    panel.enable_instrumentation()
    panel.enable_instrumentation()
    assert is_patched()
    panel.disable_instrumentation()
    panel.disable_instrumentation()
    assert not is_patched()
    assert panel.title == "0 operations"


def test_an_error(view: Any) -> None:
    """A view that raises leaves nothing patched."""

    def fail() -> None:
        InMemoryStorage().exists("a")
        raise RuntimeError

    view(fail)
    with pytest.raises(RuntimeError):
        get()
    assert not is_patched()


def test_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests at the same time have their own operations, and so have their pools."""
    storage, both = InMemoryStorage(), threading.Barrier(2, timeout=SLOW)

    def page(request: Any) -> None:
        name = request.GET["name"]
        both.wait()
        storage.exists(name)
        both.wait()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(storage.exists, f"{name}-pool").result()
        both.wait()

    monkeypatch.setattr(Site, "view", page)
    seen: dict[str, list[str]] = {}

    def visit(name: str) -> None:
        html = get(f"/?name={name}")
        seen[name] = re.findall(r"<code>([\w-]+)</code>", html)

    visitors = [threading.Thread(target=visit, args=(name,)) for name in "ab"]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join(SLOW)
    assert seen == {"a": ["a", "a-pool"], "b": ["b", "b-pool"]}
    assert not is_patched()


def test_another_thread(view: Any) -> None:
    """Operations of a thread of no pool belong to no page, even if the page started it."""
    storage = InMemoryStorage()

    view(lambda: in_thread(partial(storage.exists, "other")))
    get()
    assert operations() == []


def test_a_fallback_with_timeouts(view: Any) -> None:
    """An operation that a FallbackStorage calls in a thread is part of the page's operation."""
    layers = [InMemoryStorage(), {"BACKEND": InMemoryStorage(), "timeout": SLOW}]
    storage = FallbackStorage(layers)
    view(lambda: storage.exists("a"))
    get()
    assert operations() == [("exists", "a")]


def test_async_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent asynchronous views have their own operations."""
    storage = InMemoryStorage()

    async def page(request: Any) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            storage.exists(request.GET["name"])
        await asyncio.to_thread(storage.exists, request.GET["name"])

    monkeypatch.setattr(Site, "aview", page)

    async def visit(name: str) -> list[str]:
        response = await AsyncClient().get(f"/async/?name={name}")
        return re.findall(r"<code>(\w+)</code>", response.content.decode())

    async def both() -> list[list[str]]:
        return await asyncio.gather(visit("a"), visit("b"))

    assert asyncio.run(both()) == [["a"] * 4, ["b"] * 4]
    assert not is_patched()


def test_a_request_in_a_request(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that calls another one keeps its own operations."""
    storage = InMemoryStorage()

    def inner(request: Any) -> None:
        storage.exists("inner")

    def outer(request: Any) -> None:
        monkeypatch.setattr(Site, "view", inner)
        get()
        storage.exists("outer")

    monkeypatch.setattr(Site, "view", outer)
    assert re.findall(r"<code>(\w+)</code>", get()) == ["outer"]


def test_time() -> None:
    """Operations and requests at the same time, and those within others, count once."""
    from inmemorystorage.toolbar.recording import covered

    assert covered([]) == 0
    assert covered([(5, 7), (1, 4), (2, 3), (6, 9), (20, 21)]) == 3 + 4 + 1


def test_server_timing(view: Any) -> None:
    """The header Server-Timing has the time of the operations."""
    view(lambda: InMemoryStorage().exists("a"))
    header = Client().get("/").headers["Server-Timing"]
    assert re.search(r'StoragePanel_storage;dur=[\d.e-]+;desc="1 operation"', header)
    json.dumps(stats())


@pytest.fixture(params=["memory", "server"])
def bucket(request: pytest.FixtureRequest) -> Iterator[tuple[Any, list[str]]]:
    """Return a storage on a bucket, and the URL of its server if it has one."""
    from storages.backends.s3 import S3Storage

    if request.param == "memory":
        with S3Floor():
            yield S3Storage(bucket_name="media"), []
    else:
        server = request.getfixturevalue("server")
        yield S3Storage(**server.make_bucket().options), [server.endpoint]


@needs_s3
def test_requests(view: Any, bucket: tuple[Any, list[str]]) -> None:
    """A page shows the requests to a real bucket, and those that a bucket in memory answers."""
    import urllib3

    name, (storage, urls) = "a<b>.txt", bucket
    storage.save(name, ContentFile(b"four"))

    def page() -> None:
        for _ in range(2):
            assert storage.exists(name)
        with storage.open(name) as file:
            assert file.read() == b"four"
        storage.bucket.Object(name).load()
        # They are for no known service, and no operation sends them.
        with urllib3.PoolManager() as manager:
            for url in urls:
                manager.request("GET", url)

    view(lambda: (in_thread(partial(storage.exists, name)), page()))
    html = get()
    found = stats()
    sent = found["shown_requests"]
    assert [(each["kind"], each["status"], each["op"]) for each in sent] == [
        *[("HeadObject", 200, "exists")] * 2,
        *[("HeadObject", 200, "open")] * (len(sent) - 4),
        ("GetObject", 200, "open"),
        ("HeadObject", 200, ""),
    ]
    assert [(each["times"], each["same"]) for each in sent[:2]] == [(2, 2)] * 2
    assert {each["key"] for each in sent} == {name}
    assert {each["bucket"] for each in sent} == {storage.bucket_name}
    assert sent[-2]["down"] == found["bytes_down"] == 4
    assert f"GetObject (GET) s3://{storage.bucket_name}/{name} 200 0 4" in text(html)
    assert f"3 operations, {len(sent)} requests" in text(html)
    assert all(re.search(r"test_panel.py:\d+ in page", each["line"]) for each in sent)
    (group,) = found["storages"]
    assert 0 < found["time"] <= group["time"] + sum(each["time"] for each in sent)
