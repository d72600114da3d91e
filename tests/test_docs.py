"""Every Python snippet of the pages runs, and prints the documented output."""

import contextlib
import doctest
import re
import unittest
from pathlib import Path

import pytest
from django.test import override_settings
from projects import make_project
from recipes import PAGES as RECIPES

pytestmark = [pytest.mark.once, pytest.mark.unmeasured]

ROOT = Path(__file__).parent.parent
PAGES = [
    *("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"),
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")),
]
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Page:
    """A page's snippets, which run in order in one namespace."""

    def __init__(self, path, directory):
        self.snippets = FENCE.findall((ROOT / path).read_text())
        self.namespace = {"__name__": "inmemorystorage.models"}
        self.project = make_project(directory)

    def run(self):
        """Run the snippets, each under the settings of the earlier ones."""
        with contextlib.ExitStack() as self.settings:
            for snippet in self.snippets:
                self.run_snippet(snippet)
        if any(self.project.directory.glob("test_*.py")):
            self.project.write("pytest.ini", "[pytest]\ninmemorystorage_override = true\n")
            self.project.run("-m", "pytest")

    def run_snippet(self, snippet):
        """Run one snippet, as its kind requires."""
        file = re.match(r"# (\w+\.py)\n", snippet)
        if file and file[1] != "settings.py":
            self.project.append(file[1], snippet)  # a module of a project, or its tests
        elif file:
            self.set(snippet)
        elif ">>>" in snippet:
            self.check(snippet)
        else:
            known = set(self.namespace)
            exec(snippet, self.namespace)
            self.run_tests({name: self.namespace[name] for name in set(self.namespace) - known})

    def set(self, snippet):
        """Apply the names of a settings module as settings."""
        settings = {}
        exec(snippet, settings)
        changed = {key: settings[key] for key in settings if key.isupper()}
        self.settings.enter_context(override_settings(**changed))

    def check(self, snippet):
        """Compare an interpreter session's output with the documented one."""
        test = doctest.DocTestParser().get_doctest(snippet, self.namespace, "snippet", None, 0)
        runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        shown = []
        runner.run(test, out=shown.append, clear_globs=False)
        self.namespace.update(test.globs)
        assert runner.summarize(verbose=False).failed == 0, "".join(shown)

    def run_tests(self, defined):
        """Run the test cases that a snippet defines."""
        for case in defined.values():
            if isinstance(case, type) and issubclass(case, unittest.TestCase) and vars(case):
                names = [name for name in vars(case) if name.startswith("test_")]
                result = unittest.TestResult()
                unittest.TestSuite(map(case, names)).run(result)
                assert not result.errors + result.failures, result


@pytest.mark.parametrize("path", [path for path in PAGES if path not in RECIPES])
def test_the_snippets_of_a_page_run(path, tmp_path):
    """Each snippet of a page runs, and an interpreter session prints what the page shows."""
    Page(path, tmp_path).run()


FAILING_TEST = """\
import unittest
class FailingTest(unittest.TestCase):
    def test_it(self):
        self.fail()
"""


@pytest.mark.parametrize(
    "snippet", [">>> 1 + 1\n3\n", FAILING_TEST, f"# test_it.py\n{FAILING_TEST}"]
)
def test_wrong_snippet_fails(tmp_path, snippet):
    """A session with another output, or a failing test, fails the page."""
    (tmp_path / "page.md").write_text(f"```python\n{snippet}```\n")
    with pytest.raises(AssertionError):
        Page(tmp_path / "page.md", tmp_path).run()


@pytest.mark.parametrize("path", PAGES)
def test_the_links_of_a_page_lead_somewhere(path):
    """Each relative link of a page leads to a file, and each anchor to a heading."""
    text = CODE.sub("", (ROOT / path).read_text())
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        page = (ROOT / path).parent / file if file else ROOT / path
        assert page.exists(), target
        headings = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
        }
        assert not anchor or anchor in headings, target
