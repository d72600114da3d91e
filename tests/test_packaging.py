"""The contents and the metadata of the source distribution and the wheel."""

from __future__ import annotations

import ast
import configparser
import email
import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

import inmemorystorage
from inmemorystorage.kvstore.backends import SCHEMES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
# The suffixes of the package's files.
SHIPPED = {".html", ".py", ".typed"}
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
in_checkout = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None,
    reason="only git knows which files of a working copy belong to it",
)
in_tox = pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="tox installs the wheel")


class Shipped(NamedTuple):
    """The files of one checkout, and those of the distributions built from them."""

    checkout: set[str]
    sdist: set[str]
    wheel: set[str]
    metadata: Message


def checkout_files() -> set[str]:
    """Return the names of the files that are committed or not ignored."""
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    command = ["git", "-c", "safe.directory=*", *listing]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in names.split("\0") if name and (ROOT / name).is_file()}


def build(kind: str, source: Path, target: Path) -> Path:
    """Build one distribution and return its path."""
    target.mkdir()
    command = [sys.executable, "-c", BUILD.format(kind), str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(target.iterdir())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """Build the sdist from a copy of the checkout, and the wheel from the sdist alone."""
    pytest.importorskip("setuptools", minversion="77")
    directory = tmp_path_factory.mktemp("shipped")
    names = checkout_files()
    for name in names:
        (directory / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / "copy" / name)
    with tarfile.open(build("sdist", directory / "copy", directory / "sdist")) as tar:
        tar.extractall(directory / "unpacked", filter="data")
        files = {member.name.partition("/")[2] for member in tar if member.isfile()}
    [unpacked] = (directory / "unpacked").iterdir()
    with zipfile.ZipFile(build("wheel", unpacked, directory / "wheel")) as archive:
        wheel = set(archive.namelist())
        [described] = (name for name in wheel if name.endswith(".dist-info/METADATA"))
        message = email.message_from_bytes(archive.read(described))
    return Shipped(names, files, wheel, message)


def setup_cfg() -> configparser.ConfigParser:
    """Read setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def classified(prefix: str) -> set[str]:
    """Return the versions in the classifiers below a prefix."""
    lines = setup_cfg()["metadata"]["classifiers"].splitlines()
    found = (re.fullmatch(rf"{prefix} :: (\d+\.\d+)", line) for line in lines)
    return {match[1] for match in found if match}


def versions_tested(pattern: str) -> set[str]:
    """Return the versions in tox's list of environments; `pattern` matches their digits."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    names = itertools.chain.from_iterable(map(expand, parser["tox"]["env_list"].split()))
    found = (re.search(pattern, name) for name in names)
    return {f"{match[1]}.{match[2]}" for match in found if match}


def expand(generative: str) -> list[str]:
    """Return the names that the braces in an environment's name stand for."""
    parts = [part.split(",") for part in re.split(r"[{}]", generative)]
    return ["".join(choice) for choice in itertools.product(*parts)]


@in_checkout
def test_sdist_has_the_whole_repository(shipped: Shipped) -> None:
    """The source distribution has all files of the repository, tests and docs included."""
    generated = {name for name in shipped.sdist if ".egg-info/" in name}
    assert shipped.sdist - generated == shipped.checkout | {"PKG-INFO", "setup.cfg"}


@in_checkout
def test_wheel_has_only_the_package(shipped: Shipped) -> None:
    """The wheel has the whole package, and nothing else."""
    package = {name for name in shipped.checkout if name.startswith("inmemorystorage/")}
    assert {name for name in shipped.wheel if ".dist-info/" not in name} == package
    assert "inmemorystorage/py.typed" in package


@in_checkout
def test_wheel_has_the_license(shipped: Shipped) -> None:
    """The wheel has the license."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in shipped.wheel)
    assert shipped.metadata["License-Expression"] == "BSD-3-Clause"


@in_checkout
def test_metadata_agrees_with_setup_cfg(shipped: Shipped) -> None:
    """The metadata has the name, the version, the requirements and the classifiers of setup.cfg."""
    declared = setup_cfg()["metadata"]
    assert shipped.metadata["Name"] == "dj-inmemorystorage"
    assert shipped.metadata["Version"] == declared["version"]
    assert shipped.metadata["Summary"] == declared["description"]
    assert shipped.metadata["Requires-Python"] == ">=3.10"
    required = shipped.metadata.get_all("Requires-Dist", [])
    assert {each for each in required if "extra ==" not in each} == {"Django>=4.2", "six>=1.16"}
    assert set(shipped.metadata.get_all("Provides-Extra", [])) == {
        *(extra for _, extra in SCHEMES.values() if extra),
        *("cli", "conformance", "images", "isal", "toolbar"),
    }
    urls = [url.replace(" = ", ", ") for url in declared["project_urls"].split("\n")[1:]]
    assert shipped.metadata.get_all("Project-URL") == urls
    assert shipped.metadata.get_all("Classifier") == declared["classifiers"].split("\n")[1:]


@in_checkout
def test_readme_is_the_long_description(shipped: Shipped) -> None:
    """The README is the long description."""
    assert shipped.metadata["Description-Content-Type"].startswith("text/markdown")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    description = shipped.metadata.get_payload(decode=True)
    assert isinstance(description, bytes)
    assert description.decode("utf-8").strip() == readme.strip()


@in_tox
def test_installed_wheel_is_tested() -> None:
    """The import finds the installed wheel under tox, not the checkout."""
    site_packages = Path(sysconfig.get_path("purelib"))
    assert Path(inmemorystorage.__file__).is_relative_to(site_packages)


@in_tox
@in_checkout
def test_installed_files_are_those_of_the_checkout() -> None:
    """The wheel under test was built from the present sources."""
    installed = metadata.files("dj-inmemorystorage") or []
    package = {str(path): path.locate() for path in installed if path.suffix in SHIPPED}
    assert set(package) == {
        name for name in checkout_files() if name.startswith("inmemorystorage/")
    }
    assert all((ROOT / name).read_bytes() == Path(at).read_bytes() for name, at in package.items())


def test_setup_py_only_calls_setup() -> None:
    """setup.py calls setup() without arguments, since setup.cfg has all metadata."""
    docstring, imported, call = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
    assert ast.unparse(imported) == "from setuptools import setup"
    assert ast.unparse(call) == "setup()"
    assert isinstance(docstring, ast.Expr)


def test_pyproject_repeats_no_metadata() -> None:
    """pyproject.toml has no [project] table, since setup.cfg has all metadata."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(pyproject) == {"build-system", "dependency-groups", "tool"}


def test_version_is_in_setup_cfg_only() -> None:
    """The version is in setup.cfg, and in no module or configuration of a tool."""
    version = setup_cfg()["metadata"]["version"]
    sources = [*(ROOT / "inmemorystorage").rglob("*.py")]
    sources += [ROOT / name for name in ("setup.py", "pyproject.toml", "tox.ini")]
    assert not [path for path in sources if version in path.read_text(encoding="utf-8")]


def test_changelog_begins_with_this_version() -> None:
    """The changelog begins with the version of setup.cfg."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert releases[0] == setup_cfg()["metadata"]["version"]


def test_each_supported_version_is_tested() -> None:
    """tox tests the Pythons and Djangos of the classifiers."""
    assert versions_tested(r"py(\d)(\d+)-django") == classified("Programming Language :: Python")
    assert versions_tested(r"django(\d)(\d)") == classified("Framework :: Django")


def test_oldest_python_is_the_same_everywhere() -> None:
    """pip, ruff and the classifiers name the same oldest Python."""
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    supported = classified("Programming Language :: Python")
    oldest = min(supported, key=lambda version: [int(part) for part in version.split(".")])
    assert setup_cfg()["options"]["python_requires"] == f">={oldest}"
    assert ruff["target-version"] == "py" + oldest.replace(".", "")
