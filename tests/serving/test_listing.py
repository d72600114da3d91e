"""The page that lists a directory."""

from __future__ import annotations

import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from django.core.files.storage import Storage
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from hypothesis import assume, example, given, strategies
from stocked import KINDS, Bucket, Unlisted, on_disk, stock

from inmemorystorage import FallbackStorage, InMemoryStorage
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.serving import listing
from inmemorystorage.serving.listing import human_size, list_directory

ODD = [
    "a b.txt",
    "#fragment",
    "query?x=1&amp;y=2",
    "100%25.txt",
    "日本語.txt",
    "\"quoted\" 'names'",
    "javascript:alert(1)",
    "<script>alert(1)",
    "<img src=x onerror=alert(1)>.png",
    "{{ rows }}{% include 'x' %}",
    "back\\slash",
    "\u202egnp.exe",
    "\x1b[31mred",
]


class Page(HTMLParser):
    """A page as a browser reads it."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.texts.append(data.strip())

    def all(self, tag: str, attribute: str) -> list[str]:
        """Return an attribute of all tags of one kind that have it."""
        found = [attributes.get(attribute) for name, attributes in self.tags if name == tag]
        return [value for value in found if value is not None]

    @property
    def links(self) -> list[str]:
        """Return the links of the rows: all that lead down."""
        return [href for href in self.all("a", "href") if not re.fullmatch(r"\./|(\.\./)+", href)]

    @property
    def text(self) -> str:
        """Return the text of the page."""
        return "\n".join(filter(None, self.texts))


def get(storage: Storage, name: str = "") -> HttpResponse:
    """Return the page of a directory."""
    return list_directory(RequestFactory().get(f"/media/{name}"), storage, name)


def page(storage: Storage, name: str = "") -> Page:
    """Return the page of a directory, parsed."""
    return Page(get(storage, name))


def bucket(*names: str) -> Bucket:
    """Return a bucket with files, whose names may be ones that save() refuses."""
    return Bucket(files=dict.fromkeys(names, b"content"))


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty storage of each kind; the one on a disk has no directory yet."""
    return KINDS[request.param](tmp_path / "media")


def test_an_empty_root_is_explained(storage: Storage) -> None:
    """The page of an empty root says how to save a file."""
    text = page(storage).text
    assert "No files yet" in text and "storage.save(" in text


@pytest.mark.parametrize("name", ["x/", "a.txt/", "a/x/", "/", "a//", "./", "../", "a/../", "\0/"])
def test_missing_directories_are_not_found(storage: Storage, name: str) -> None:
    """A name that is not a directory, or is not normalized, gives 404."""
    stock(storage, "a.txt", "a/b.txt")
    with pytest.raises(Http404):
        get(storage, name)


def test_folders_and_files_are_listed(storage: Storage) -> None:
    """The page lists folders before files, each with a link relative to the page."""
    read = page(stock(storage, "b.txt", "a/c.txt", "c/d/e.txt"))
    assert read.links == ["./a/", "./c/", "./b.txt"]
    assert "7 B" in read.text and "3 files, 3 folders, 21 B" in read.text


def test_parents_are_linked(storage: Storage) -> None:
    """The page links each directory above, and itself."""
    read = page(stock(storage, "a/b/c.txt"), "a/b/")
    assert read.all("a", "href")[:3] == ["../../", "../", "./"]
    assert [text for text in read.texts if text in ("media", "a", "b")] == ["media", "a", "b"]
    assert read.all("a", "aria-current") == ["page"]


def test_an_empty_directory_is_shown(tmp_path: Path) -> None:
    """An empty directory has a page that says so."""
    (tmp_path / "a").mkdir()
    assert "Nothing in this folder" in page(on_disk(tmp_path), "a/").text


@given(strategies.text(min_size=1).filter(lambda name: "/" not in name))
@example("javascript:alert(1)")
def test_every_name_has_its_row(name: str) -> None:
    """Any name has a row whose link leads to it."""
    assume(name not in (".", ".."))
    [link] = page(bucket(name)).links
    assert unquote(urlsplit(urljoin("http://site.example/media/", link)).path) == f"/media/{name}"


@pytest.mark.parametrize("name", ODD)
def test_a_link_leads_to_its_file(name: str) -> None:
    """A link leads to its file, whatever characters the name has."""
    [link] = page(bucket(f"d/{name}"), "d/").links
    parts = urlsplit(urljoin("http://site.example/media/d/", link))
    assert parts.netloc == "site.example" and not parts.query and not parts.fragment
    assert unquote(parts.path) == f"/media/d/{name}"


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_only_text(name: str) -> None:
    """No name adds a tag or an attribute to the page."""
    plain, odd = (bucket(f"{part}/{part}.png") for part in ("plain", name))
    for directory in ("", "{}/"):
        expected = page(plain, directory.format("plain")).tags
        tags = page(odd, directory.format(name)).tags
        assert [(tag, [*found]) for tag, found in tags] == [(tag, [*a]) for tag, a in expected]


def test_harmful_characters_are_escaped(tmp_path: Path) -> None:
    """The page escapes characters that reverse text or are not UTF-8."""
    (tmp_path / "not utf-8 \udcff").touch()
    read = page(stock(on_disk(tmp_path), "\u202egnp.exe"))
    assert "not utf-8 \\udcff" in read.text and "\\u202egnp.exe" in read.text
    assert "./not%20utf-8%20%FF" in read.links


def test_pictures_have_previews() -> None:
    """A picture has a preview that loads lazily; a folder has none."""
    storage = stock(InMemoryStorage(), "a.PNG", "b.svg", "c.txt", "d.png/e")
    read = page(storage)
    assert read.all("img", "src") == ["./a.PNG", "./b.svg"]
    assert read.all("img", "loading") == ["lazy", "lazy"]


@pytest.mark.parametrize("make", [InMemoryStorage, partial(KeyValueStorage, "locmem://listing")])
def test_files_of_a_signing_storage_have_no_links(make: Any) -> None:
    """The page names a signing storage's files, and links to folders alone."""
    storage = stock(make(base_url="/media/", querystring_auth=True), "a.png", "b/c.png")
    response = get(storage)
    assert Page(response).links == ["./b/"]
    assert Page(response).all("img", "src") == []
    assert "a.png" in Page(response).text and b"signature" not in response.content
    storage.delete("a.png")
    storage.delete("b/c.png")


def test_files_of_a_signing_layer_have_no_links() -> None:
    """The page links to the files of a FallbackStorage that are served without a signature."""
    private = stock(InMemoryStorage(base_url="/media/", querystring_auth=True), "private.png")
    storage = FallbackStorage([stock(InMemoryStorage(), "public.png"), private])
    assert page(storage).links == ["./public.png"]


def test_links_to_a_bucket_are_relative() -> None:
    """The page links to files of a bucket through the site, and signs no URL of the bucket."""
    read = page(stock(Bucket(querystring_auth=True), "a.png"))
    assert read.links == read.all("img", "src") == ["./a.png"]


def test_no_script_runs() -> None:
    """The page has no script, allows none, and is neither cached nor sniffed."""
    response = get(stock(InMemoryStorage(), "a.png"))
    assert response["Content-Security-Policy"].startswith("default-src 'none'; img-src 'self';")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "no-store"
    assert not Page(response).all("script", "src") and b"<script" not in response.content


def test_no_template_settings_are_needed(settings) -> None:
    """The project's template settings and formats do not change the page."""
    storage = stock(InMemoryStorage(), "a<b.txt", content=b"x" * 5000)
    before = get(storage).content
    settings.TEMPLATES = []
    settings.USE_THOUSAND_SEPARATOR = True
    settings.LANGUAGE_CODE = "de"
    assert get(storage).content == before


def test_times_are_local(settings, time_machine) -> None:
    """The page shows times in the current time zone, and exact ones for machines."""
    settings.TIME_ZONE = "Asia/Tokyo"
    time_machine.move_to("2026-01-02T20:30:40+00:00", tick=False)
    read = page(stock(InMemoryStorage(), "a.txt"))
    assert "2026-01-03 05:30" in read.text
    assert read.all("time", "datetime") == ["2026-01-02T20:30:40+00:00"]


def test_times_may_be_naive(settings, time_machine) -> None:
    """The page shows naive times as they are, without USE_TZ."""
    settings.USE_TZ = False
    read = page(stock(InMemoryStorage(), "a.txt"))
    assert read.all("time", "datetime")[0][:16].replace("T", " ") in read.text


def test_exact_sizes_are_shown(storage: Storage) -> None:
    """The page has the exact bytes beside the rounded size."""
    read = page(stock(storage, "a.txt", content=b"x" * 5000))
    assert "4.9 KiB" in read.text and read.all("td", "title") == ["5,000 bytes"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB")),
        *((1023 * 1024, "1.0 MiB"), (5 << 30, "5.0 GiB"), (7000 << 50, "7000.0 PiB")),
    ],
)
def test_sizes_are_short(size: int, text: str) -> None:
    """The page shows a size in the unit that keeps it below a thousand."""
    assert human_size(size) == text


def test_unknown_sizes_make_a_total_a_bound() -> None:
    """The total is "at least" the known sizes if a size is unknown."""
    storage = stock(Bucket(size=Storage().size), "a.txt")
    assert "at least 1 file, 0 B" in page(storage).text


def test_unreadable_directories_make_a_total_a_bound(monkeypatch) -> None:
    """The total is "at least" if a folder cannot be listed."""
    storage = stock(InMemoryStorage(), "a/x", "b")

    def listdir(name: str) -> tuple[list[str], list[str]]:
        if name:
            raise PermissionError(13, "Permission denied")
        return ["a"], ["b"]

    monkeypatch.setattr(storage, "listdir", listdir)
    assert "at least 1 file, 1 folder, 7 B" in page(storage).text


def test_many_names_make_a_total_a_bound(monkeypatch) -> None:
    """The total is "at least" after MAX_NAMES names."""
    monkeypatch.setattr(listing, "MAX_NAMES", 10)
    storage = stock(InMemoryStorage(), *(f"a/{number}" for number in range(20)))
    assert "at least 9 files, 1 folder, 63 B" in page(storage).text


def test_a_slow_storage_does_not_delay_the_page(monkeypatch) -> None:
    """The page leaves out sizes, and stops counting, after MAX_SECONDS."""
    storage = stock(Bucket(), "a/x", "b")
    monkeypatch.setattr(listing, "MAX_SECONDS", 0)
    monkeypatch.delattr(Bucket, "size")
    read = page(storage)
    assert read.links == ["./a/", "./b"]
    assert "at least 0 files" in read.text


def test_a_thousand_files_are_shown() -> None:
    """The page shows a thousand rows, and says how many it left out."""
    names = [f"{number:04}" for number in range(1_003)]
    read = page(stock(InMemoryStorage(), *names))
    assert read.links == [f"./{name}" for name in names[:1000]]
    assert "3 more are not shown" in read.text
    assert "1,003 files" in read.text


def test_a_storage_without_listdir_is_not_found() -> None:
    """The 404 names a storage without listdir()."""
    with pytest.raises(Http404, match="Unlisted cannot list its files"):
        get(stock(Unlisted(), "a.txt"))


def test_the_table_has_roles() -> None:
    """The table has headers and roles, even where a narrow page shows blocks."""
    read = page(stock(InMemoryStorage(), "a.txt"))
    assert read.all("th", "scope") == ["col", "col", "col", "row"]
    assert read.all("table", "role") == ["table"]
    assert read.all("html", "lang") == ["en"]
