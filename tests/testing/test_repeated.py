"""forbid_repeated_operations(): a line that repeats operations fails the test."""

from __future__ import annotations

import re
import threading
import unittest
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
from buckets import needs_s3
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.template import Context, Engine
from django.template.base import Lexer, Parser
from projects import make_project
from testing.faces import FACES, LINE, Face

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import capture_storage_operations
from inmemorystorage.testing import forbid_repeated_operations as forbidding
from inmemorystorage.testing.s3_floor import S3Floor
from inmemorystorage.testing.session import Options

NAMES = ("a", "b", "c")


def page(storage: Any, names: tuple[str, ...] = NAMES) -> list[bool]:
    """Do what a list page does: ask for each row."""
    return [storage.exists(name) for name in names]


def test_a_list_page(tmp_path: Path) -> None:
    """An operation for each row fails, with the line that called it, the names and the cure."""
    with pytest.raises(AssertionError) as raised, forbidding():
        page(FileSystemStorage(tmp_path))
    first, line, cure = str(raised.value).splitlines()
    assert first == "Lines of the project repeat operations on storages 3 times or more:"
    assert re.fullmatch(
        r"3 times exists on [\w ]+, .*test_repeated.py:\d+ in (page|<listcomp>): a, b, c", line
    )
    assert "allow=" in cure


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, NAMES[:2]),
        ({"threshold": 4}, NAMES),
        ({"allow": "exists"}, NAMES),
        ({"allow": ["ex*"]}, NAMES),
        ({"allow": ("delete", "test_repeated.py")}, NAMES),
        ({"allow": ["testing/*.py"]}, NAMES),
    ],
)
def test_what_may_repeat(options: Any, names: tuple[str, ...]) -> None:
    """Fewer operations pass, and those whose operation or file is allowed."""
    with forbidding(**options):
        page(InMemoryStorage(), names)


@pytest.mark.parametrize("options", [{"threshold": 2}, {"allow": ["delete", "other.py"]}])
def test_what_may_not_repeat(options: Any) -> None:
    """Operations that are not allowed fail."""
    with pytest.raises(AssertionError, match="repeat"), forbidding(**options):
        page(InMemoryStorage())


def test_lines_of_their_own() -> None:
    """Equal operations from several lines pass, and url() passes from one."""
    storage = InMemoryStorage(base_url="/media/")
    with forbidding():
        storage.exists("a")
        storage.exists("b")
        storage.exists("c")
        for name in NAMES:
            storage.url(name)


@pytest.mark.parametrize("directory", ["templates", "site-packages"])
def test_lines_of_templates(tmp_path: Path, directory: str) -> None:
    """Operations in a template of the project have its line, those in others the view's."""
    template = tmp_path / directory / "page.html"
    template.parent.mkdir()
    template.write_text("{% for name in names %}\n{% if exists %}{% endif %}{% endfor %}")
    engine = Engine(dirs=[str(template.parent)])
    context = {"names": NAMES, "exists": partial(methodcaller("exists", "a"), InMemoryStorage())}
    nested = Engine().from_string("{% include page %}")  # it has no file
    with pytest.raises(AssertionError) as raised, forbidding():
        nested.render(Context(context | {"page": engine.get_template("page.html")}))
    is_own = directory == "templates"
    place = "page.html:2 in template" if is_own else "in test_lines_of_templates"
    assert place in str(raised.value)


def test_template_without_an_origin() -> None:
    """Operations in the nodes of a parser that has no origin have the line that renders them."""
    (node,) = Parser(Lexer("{{ exists }}").tokenize()).parse()
    asks = Context({"exists": partial(methodcaller("exists", "a"), InMemoryStorage())})
    with capture_storage_operations() as captured:
        node.render_annotated(asks)
    assert [each.line.function for each in captured] == ["test_template_without_an_origin"]


def test_lines_of_libraries() -> None:
    """Operations that no line of the project calls pass, as those of a live server."""
    asking = map(InMemoryStorage().exists, NAMES)
    with forbidding():
        thread = threading.Thread(target=list, args=(asking,))
        thread.start()
        thread.join()


def test_blocks_and_tools() -> None:
    """An error in the block is raised instead; enable() and disable() do what a block does."""
    tool = forbidding()
    with pytest.raises(KeyError), tool:
        page(InMemoryStorage())
        raise KeyError
    with tool:
        page(InMemoryStorage(), NAMES[:2])
    tool.enable()
    page(InMemoryStorage())
    with pytest.raises(AssertionError, match="repeat"):
        tool.disable()

    @forbidding()
    def decorated() -> None:
        page(InMemoryStorage())

    with pytest.raises(AssertionError, match="repeat"):
        decorated()


def test_a_class_of_tests() -> None:
    """Tests of a decorated test case may call what others of its tests have called."""

    @forbidding()
    class Tests(unittest.TestCase):
        def test_a(self) -> None:
            page(InMemoryStorage(), NAMES[:2])

        def test_b(self) -> None:
            page(InMemoryStorage(), NAMES[:2])

        def test_c(self) -> None:
            page(InMemoryStorage())

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    ((failed, _),) = result.failures
    assert failed.id().endswith("test_c")


def test_the_fixture(forbid_repeated_operations: Callable[..., Any]) -> None:
    """The fixture forbids until the test ends."""
    tool = forbid_repeated_operations(threshold=2)
    page(InMemoryStorage())
    with pytest.raises(AssertionError, match="repeat"):
        tool.check()


def test_a_threshold_of_one() -> None:
    """A threshold below two is an error, since one operation repeats nothing."""
    with pytest.raises(ValueError, match="must be 2 or more, not 1"):
        forbidding(1)


@needs_s3
def test_buckets() -> None:
    """On a bucket operations are reported once, and requests of a client by their keys."""
    from storages.backends.s3 import S3Storage

    def heads(names: tuple[str, ...]) -> None:
        for name in names:
            storage.bucket.Object(name).load()

    with S3Floor():
        storage = S3Storage(bucket_name="media")
        for name in NAMES:
            storage.save(name, ContentFile(b""))
        with pytest.raises(AssertionError) as raised, forbidding():
            page(storage)
            heads(NAMES)
            heads(("a", "a", "a", "a"))
        _, operations, requests, _ = str(raised.value).splitlines()
        assert operations.startswith("3 times exists on ")
        assert requests.startswith("7 times HeadObject on media, ")
        with forbidding(allow=["HeadObject"]):
            heads(NAMES)
        with forbidding():
            heads(("a", "a", "a", "a"))
            for name in NAMES[:2]:  # three requests each
                with storage.open(name) as file:
                    file.read()


MODELS = """
from django.core.files.storage import default_storage

def page(names):
    return [default_storage.exists(name) for name in names]
"""
CASES = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import SimpleTestCase
from uploads.models import page

class PageTests(SimpleTestCase):
    def test_a_page(self):
        page(["a", "b", "c"])

    def test_a_short_page(self):
        page(["a", "b"])
        for number in range(5):
            default_storage.save(f"{number}.txt", ContentFile(b""))
"""


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """Return a face of the kit."""
    return FACES[request.param]


@pytest.mark.slow
def test_a_whole_run(face: Face, tmp_path: Path) -> None:
    """A number in pytest.ini or of a runner fails tests by lines of the project, not of tests."""
    project = make_project(tmp_path, models=MODELS)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_pages.py", CASES)
    outcome = face.run(project, LINE, fails=True, repeated="3")
    assert re.search(r"3 times exists on default, uploads/models.py:\d+ in ", outcome.printed)
    assert {*re.findall(r"\d times \w+ on", outcome.printed)} == {"3 times exists on"}
    assert face.again(project, "-k", "short").count == 1


@pytest.mark.slow
def test_a_whole_run_that_allows(face: Face, tmp_path: Path) -> None:
    """Patterns of what may repeat are separated by spaces."""
    project = make_project(tmp_path, models=MODELS)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_pages.py", CASES)
    outcome = face.run(project, LINE, repeated="3", repeated_allow="delete uploads/*.py")
    assert outcome.count == 2


@pytest.mark.parametrize("value", ["1", "often", -3, True])
def test_a_mistaken_number(value: Any) -> None:
    """Any other value than a number of 2 or more is an error."""
    with pytest.raises(ValueError, match=f"inmemorystorage_repeated must .* not {value!r}"):
        Options.read(True, False, repeated=value)
