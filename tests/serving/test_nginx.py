"""Responses equal to nginx's, except the differences listed here with their reasons."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.utils.http import http_date
from hypothesis import given
from hypothesis import strategies as st
from serving.asking import ask, content_of
from serving.nginx import NGINX, Answer, Nginx, running_nginx

from inmemorystorage import InMemoryStorage

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

MODIFIED = 1_700_000_000
SIZES = (0, 1, 10, 1000, 3 * 1024 * 1024 + 7)
KINDS = ("disk", "memory")

# Headers that only one side sends.
OWN_HEADERS = {"Date", "Server", "Connection"} | {
    *("Cache-Control", "Content-Disposition", "X-Content-Type-Options"),
}
# Headers of error pages.
PAGE_HEADERS = {"Content-Type", "Content-Length"}


class Sides:
    """One directory of files behind nginx, and behind `serve` with two storages."""

    def __init__(self, nginx: Nginx, storages: Mapping[str, Any]) -> None:
        self._nginx = nginx
        self._storages = storages

    def ask(
        self, side: str, size: int, method: str = "GET", headers: Mapping[str, str] = {}
    ) -> Answer:
        """Return the response of one side for the file of a size."""
        if side == "nginx":
            return self._nginx.ask(f"{size}.bin", method, headers)
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        response = ask(self._storages[side], f"{size}.bin", method.lower(), **named)
        return response.status_code, dict(response.items()), content_of(response)

    def compare(self, kind: str, size: int, headers: Mapping[str, str], method: str = "GET") -> int:
        """Check that `serve` and nginx respond alike; return the status."""
        answers = []
        for side in (kind, "nginx"):
            answers.append(comparable(self.ask(side, size, method, self.own(side, headers))))
        assert answers[0] == answers[1]
        return answers[0][0]

    def own(self, side: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Replace ``{etag}`` by a side's entity tag of 10.bin."""
        etag = self.ask(side, 10, "HEAD")[1]["ETag"]
        return {name: value.replace("{etag}", etag) for name, value in headers.items()}


def comparable(answer: Answer) -> Answer:
    """Drop what must differ from a response; keep whether entity tags are strong."""
    status, headers, content = answer
    is_error = status >= 400
    left_out = OWN_HEADERS | (PAGE_HEADERS if is_error else set())
    headers = {name: value for name, value in headers.items() if name not in left_out}
    if "ETag" in headers:
        headers["ETag"] = re.sub(r'"[^"]+"', '"tag"', headers["ETag"])
    boundary = re.search(r"boundary=([0-9]{20})$", headers.get("Content-Type", ""))
    if boundary is not None:
        headers["Content-Type"] = headers["Content-Type"].replace(boundary[1], "boundary")
        content = content.replace(boundary[1].encode(), b"boundary")
    return status, headers, b"" if is_error else content


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Serve files of several sizes, with the same bytes and dates on each side."""
    root = tmp_path_factory.mktemp("files")
    memory = InMemoryStorage()
    for size in SIZES:
        content = random.Random(size).randbytes(size)
        (root / f"{size}.bin").write_bytes(content)
        os.utime(root / f"{size}.bin", (MODIFIED, MODIFIED))
        with time_machine.travel(MODIFIED, tick=False):
            memory.save(f"{size}.bin", ContentFile(content))
    storages = {"disk": FileSystemStorage(location=root), "memory": memory}
    with running_nginx(root, tmp_path_factory.mktemp("nginx")) as nginx:
        yield Sides(nginx, storages)


commas = st.sampled_from([",", ", ", " ,", "  , "])


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, str]:
    """Draw a size, and a valid Range header: one range, some, or many."""
    size = draw(st.sampled_from(SIZES))
    # Mostly positions in the file, often at its ends, and sometimes past them.
    position = st.one_of(
        st.integers(0, max(size - 1, 0)),
        st.sampled_from([0, 1, max(size - 1, 0), size, size + 1, 2 * size + 5]),
    )
    pairs = st.tuples(position, position).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}")
    tiny = st.tuples(position, st.integers(0, 3)).map(lambda pair: f"{pair[0]}-{sum(pair)}")
    ends = st.one_of(position.map("{}-".format), position.map("-{}".format))
    some = st.one_of(
        st.lists(st.one_of(pairs, ends), min_size=1, max_size=1),
        st.lists(st.one_of(pairs, tiny, ends), min_size=2, max_size=5),
        st.lists(tiny, min_size=2, max_size=5),
        st.lists(tiny, min_size=2, max_size=100),
    )
    header = draw(st.sampled_from(["bytes=", "Bytes=", "bytes= "]))
    for number, element in enumerate(draw(some)):
        header += (draw(commas) if number else "") + element
    return size, header


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=requests())
def test_ranges(sides: Sides, kind: str, drawn: tuple[int, str]) -> None:
    """The status, the headers and the bytes of any ranges are nginx's."""
    size, header = drawn
    sides.compare(kind, size, {"Range": header})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whole_files(sides: Sides, kind: str, size: int, method: str) -> None:
    """The responses to GET and HEAD of a whole file are nginx's."""
    assert sides.compare(kind, size, {}, method) == 200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("size", "header", "status"),
    [
        (1000, "bytes=1-2", 206),
        (1000, "bytes=1-2, -1", 206),
        (1000, "bytes=1000-", 416),
        (1000, "bytes=-0", 416),
        (1000, "bytes=0-,0-", 200),
        (1000, "lines=1-2", 200),
        (0, "bytes=0-", 200),
        (0, "bytes=-5", 200),
        (0, "bytes=1-", 416),
    ],
)
def test_statuses(sides: Sides, kind: str, size: int, header: str, status: int) -> None:
    """Both send the whole file, a part, several parts, or nothing, in the same cases."""
    assert sides.compare(kind, size, {"Range": header}) == status


tags = st.sampled_from(['"other"', "{etag}", "W/{etag}", '"other", {etag}', '"a","b"', "*"])
dates = st.integers(-1, 1).map(lambda seconds: http_date(MODIFIED + seconds))
# At most one of each pair: with both, nginx deviates from RFC 9110 (see below).
former = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"If-Match": tags}),
    st.fixed_dictionaries({"If-Unmodified-Since": dates}),
)
latter = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"If-None-Match": tags}),
    st.fixed_dictionaries({"If-Modified-Since": st.one_of(dates, st.just("nonsense"))}),
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "Range": st.sampled_from(["bytes=1-2", "bytes=0-0,-1", "bytes=1000-"]),
        "If-Range": st.one_of(
            st.sampled_from(["{etag}", "W/{etag}", '"other"', "nonsense"]), dates
        ),
    },
)


@pytest.mark.parametrize("kind", KINDS)
@given(groups=st.tuples(former, latter, parts), method=st.sampled_from(["GET", "HEAD"]))
def test_preconditions(
    sides: Sides, kind: str, groups: tuple[dict[str, str], ...], method: str
) -> None:
    """Preconditions, alone, together and with a range, give nginx's response."""
    headers = {name: value for group in groups for name, value in group.items()}
    if method == "HEAD":  # with a range they differ (see below)
        headers.pop("Range", None)
    sides.compare(kind, 10, headers, method)


MALFORMED = "14.2: a Range header that is malformed is ignored."
EARLIER = http_date(MODIFIED - 60)
HUGE = "9" * 30


class Difference(NamedTuple):
    """A request, the two statuses, and the section of RFC 9110 that explains them."""

    method: str
    headers: dict[str, str]
    theirs: int
    ours: int
    reason: str


DIFFERENCES = [
    Difference("GET", {"Range": "bytes=x"}, 416, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=-"}, 416, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=1-2x"}, 416, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=5-4"}, 416, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=0-1,5-4"}, 206, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=1 - 2"}, 206, 200, MALFORMED),
    Difference("GET", {"Range": "bytes=,1-2"}, 416, 206, "5.6.1.2: empty elements do not count."),
    Difference("GET", {"Range": "bytes=1-2,\t4-5"}, 416, 206, "5.6.3: a tab is whitespace."),
    Difference("GET", {"Range": f"bytes=1-{HUGE}"}, 416, 206, "14.1.2: up to the end."),
    Difference("GET", {"Range": f"bytes=-{HUGE}"}, 416, 206, "14.1.2: all that there is."),
    Difference("GET", {"Range": f"bytes=1-2,{HUGE}-"}, 416, 206, "14.1.2: one of them is there."),
    Difference("HEAD", {"Range": "bytes=1-2"}, 206, 200, "14.2: only GET has ranges."),
    Difference("HEAD", {"Range": "bytes=10-"}, 416, 200, "14.2: only GET has ranges."),
    Difference(
        "GET",
        {"If-None-Match": "{etag}", "If-Modified-Since": EARLIER},
        *(200, 304, "13.1.3: If-Modified-Since is ignored beside If-None-Match."),
    ),
    Difference(
        "GET",
        {"If-Match": "{etag}", "If-Unmodified-Since": EARLIER},
        *(412, 200, "13.1.4: If-Unmodified-Since is ignored beside If-Match."),
    ),
    Difference(
        "GET",
        {"If-Unmodified-Since": "nonsense"},
        *(412, 200, "13.1.4: what is no date is ignored."),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: str(each.headers))
def test_differences(sides: Sides, kind: str, difference: Difference) -> None:
    """serve() follows RFC 9110 where nginx does not."""
    for side, expected in ((kind, difference.ours), ("nginx", difference.theirs)):
        headers = sides.own(side, difference.headers)
        assert sides.ask(side, 10, difference.method, headers)[0] == expected, difference.reason
