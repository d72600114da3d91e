"""Static files collected into memory."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from contract.helpers import get, names
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.templatetags.static import static
from overrides import use_storage

from inmemorystorage import InMemoryStorage

ROWS = [
    {"behaves_like": "memory"},
    {"behaves_like": "filesystem"},
    {"behaves_like": "filesystem", "lend_paths": True},
]
CSS = 'body { background: url("img/dot.svg") }'
SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


class ManifestStorage(ManifestFilesMixin, InMemoryStorage):
    """Static files in memory, with a hash in each name."""


def use(settings, backend: str, location: Path, **options: Any) -> None:
    """Keep the static files in memory, and the sources in an existing directory."""
    settings.STATICFILES_DIRS = [location / "sources"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    options |= {"location": location / "static", "base_url": "/s/"}
    use_storage(settings, "staticfiles", backend, **options)


def collect(**options: Any) -> str:
    """Run collectstatic; return its output."""
    printed = io.StringIO()
    call_command("collectstatic", interactive=False, stdout=printed, **options)
    return printed.getvalue()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a directory with a stylesheet and the picture that it names."""
    sources = tmp_path / "sources"
    (sources / "img").mkdir(parents=True)
    (sources / "site.css").write_text(CSS, encoding="utf-8")
    (sources / "img" / "dot.svg").write_text(SVG, encoding="utf-8")
    return sources


@pytest.fixture(params=ROWS, ids=["memory", "filesystem", "lend_paths"])
def plain(request: pytest.FixtureRequest, settings, sources: Path) -> None:
    """Use each kind of storage in turn for the static files."""
    use(settings, "inmemorystorage.InMemoryStorage", sources.parent, **request.param)


@pytest.fixture(params=ROWS, ids=["memory", "filesystem", "lend_paths"])
def manifest(request: pytest.FixtureRequest, settings, sources: Path) -> None:
    """Use each kind of storage in turn, with hashed names."""
    use(settings, f"{__name__}.ManifestStorage", sources.parent, **request.param)


@pytest.mark.usefixtures("plain")
def test_collect(sources: Path) -> None:
    """collectstatic stores the files in memory with URLs, and writes nothing to the disk."""
    assert "2 static files copied" in collect()
    assert names(staticfiles_storage) == ["img/dot.svg", "site.css"]
    assert get(staticfiles_storage, "site.css").decode() == CSS
    assert static("site.css") == "/s/site.css"
    assert list(sources.parent.iterdir()) == [sources]


@pytest.mark.usefixtures("plain")
def test_collect_again(sources: Path) -> None:
    """A second collectstatic copies only newer files."""
    collect()
    assert "0 static files copied, 2 unmodified" in collect()
    later = staticfiles_storage.get_modified_time("site.css").timestamp() + 10
    (sources / "site.css").write_text("body {}", encoding="utf-8")
    os.utime(sources / "site.css", (later, later))
    assert "1 static file copied, 1 unmodified" in collect()
    assert get(staticfiles_storage, "site.css") == b"body {}"


@pytest.mark.usefixtures("plain")
def test_collect_and_clear() -> None:
    """collectstatic --clear deletes the old files, in directories too."""
    staticfiles_storage.save("old/left.txt", io.BytesIO(b""))
    assert "2 static files copied" in collect(clear=True)
    assert "old/left.txt" not in names(staticfiles_storage)


@pytest.mark.usefixtures("plain")
def test_dry_run() -> None:
    """collectstatic --dry-run prints what it would do, and does nothing."""
    assert "2 static files copied" in collect(dry_run=True)
    assert names(staticfiles_storage) == []


def test_links_are_refused(settings, sources: Path) -> None:
    """A storage without paths refuses collectstatic --link."""
    use(settings, "inmemorystorage.InMemoryStorage", sources.parent)
    with pytest.raises(CommandError, match="symlink"):
        collect(link=True)


def test_links_to_lent_paths(settings, sources: Path) -> None:
    """collectstatic --link creates links at lent paths, and the storage sees the files."""
    use(settings, "inmemorystorage.InMemoryStorage", sources.parent, **ROWS[-1])
    assert "2 static files symlinked" in collect(link=True)
    assert names(staticfiles_storage) == ["img/dot.svg", "site.css"]
    assert get(staticfiles_storage, "site.css").decode() == CSS


@pytest.mark.usefixtures("manifest")
def test_manifest() -> None:
    """collectstatic also stores each file under a hashed name, which its URL contains."""
    assert "2 static files copied, 2 post-processed" in collect()
    hashed = staticfiles_storage.hashed_files
    expected = {*hashed, *hashed.values(), "staticfiles.json"}
    assert (set(names(staticfiles_storage)), len(expected)) == (expected, 5)
    assert static("site.css") == f"/s/{hashed['site.css']}"


@pytest.mark.usefixtures("manifest")
def test_manifest_rewrites_urls() -> None:
    """collectstatic replaces the picture's URL in a hashed stylesheet by the hashed one."""
    collect()
    hashed = staticfiles_storage.hashed_files
    content = get(staticfiles_storage, hashed["site.css"]).decode()
    assert hashed["img/dot.svg"].removeprefix("img/") in content
    assert hashed["img/dot.svg"] != "img/dot.svg"


@pytest.mark.usefixtures("manifest")
def test_manifest_again(sources: Path) -> None:
    """A second collectstatic gives changed content a new hashed name."""
    collect()
    before = dict(staticfiles_storage.hashed_files)
    (sources / "img" / "dot.svg").write_text(f"{SVG}\n", encoding="utf-8")
    staticfiles_storage.delete("img/dot.svg")
    assert "1 static file copied, 1 unmodified" in collect()
    after = staticfiles_storage.hashed_files
    assert (before.keys(), set(before.values()) & set(after.values())) == (after.keys(), set())


def test_manifest_is_found_by_another_storage(settings, sources: Path) -> None:
    """A new storage reads the manifest if storages share by location."""
    use(settings, f"{__name__}.ManifestStorage", sources.parent, behaves_like="filesystem")
    collect()
    hashed = dict(staticfiles_storage.hashed_files)
    again = ManifestStorage(location=sources.parent / "static", behaves_like="filesystem")
    assert again.hashed_files == hashed
    assert len(hashed) == 2


@pytest.mark.usefixtures("manifest")
def test_missing_file_has_no_url() -> None:
    """url() of a file that was not collected raises, as on the disk."""
    collect()
    with pytest.raises(ValueError, match=r"manifest entry for 'no\.css'"):
        static("no.css")


@pytest.mark.usefixtures("plain")
def test_media_and_static_files_are_apart() -> None:
    """collectstatic stores no files in the default storage."""
    collect()
    assert not storages["default"].exists("site.css")
