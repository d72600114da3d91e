"""A page uploads to a bucket in memory, by a presigned form and a presigned PUT, and shows it."""

import base64
import hashlib
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.test.testcases import LiveServerThread, _StaticFilesHandler
from django.urls import path
from django.utils.html import format_html, format_html_join
from inmemorystorage.testing import override_storages
from inmemorystorage.testing.live import serve_live_media
from PIL import Image
from storages.backends.azure_storage import AzureStorage
from storages.backends.gcloud import GoogleCloudStorage
from storages.backends.s3 import S3Storage

from visitor import assert_shown

BUCKET = "pictures"
# Sends a file by PUT; shows the status, the ETag and the error that the bucket answers.
SCRIPT = """
async ({url, type, content, headers}) => {
    const body = new Blob([Uint8Array.from(atob(content), byte => byte.charCodeAt(0))], {type});
    const response = await fetch(url, {method: "PUT", body, headers});
    const text = await response.text();
    const code = text.match(/<Code>(.*)<.Code>/);
    return [response.status, response.headers.get("etag"), code && code[1]];
}
"""
SHOW = """
url => {
    const image = document.body.appendChild(document.createElement("img"));
    Object.assign(image, {src: url, alt: "Uploaded"});
}
"""


def storage():
    """Return the storage of a project."""
    return S3Storage()


def sign(key, **params):
    """Return a presigned URL for a PUT of a PNG."""
    params |= {"Bucket": BUCKET, "Key": key, "ContentType": "image/png"}
    client = storage().connection.meta.client
    return client.generate_presigned_url("put_object", params, ExpiresIn=60)


def form(request):
    """Show a presigned form for at most 1000 bytes of a PNG."""
    fields = {
        "Content-Type": request.GET.get("type", "image/png"),
        "success_action_redirect": request.build_absolute_uri("/shown/"),
    }
    conditions = [
        ["content-length-range", 1, 1000],
        {"Content-Type": "image/png"},
        {"success_action_redirect": fields["success_action_redirect"]},
    ]
    signed = storage().connection.meta.client.generate_presigned_post(
        BUCKET, "up/${filename}", fields, conditions, ExpiresIn=60
    )
    signed["fields"] |= {name: request.GET[name] for name in request.GET}
    inputs = format_html_join(
        "", '<input type="hidden" name="{}" value="{}">', signed["fields"].items()
    )
    return HttpResponse(
        format_html(
            "<!doctype html><title>Form</title>"
            '<form action="{}" method="post" enctype="multipart/form-data">{}'
            '<input type="file" name="file" aria-label="Picture"><button>Send</button></form>',
            signed["url"],
            inputs,
        )
    )


def shown(request):
    """Show the picture that was uploaded."""
    return HttpResponse(
        format_html(
            '<!doctype html><title>Shown</title><img alt="Uploaded" src="{}">',
            storage().url(request.GET["key"]),
        )
    )


def icon(request):
    """Return no icon, which browsers ask for."""
    return HttpResponse(status=204)


urlpatterns = [path("", form), path("shown/", shown), path("favicon.ico", icon)]


@pytest.fixture
def live():
    """Yield the port of a live server of a project on S3."""
    project = override_settings(ROOT_URLCONF=__name__, AWS_STORAGE_BUCKET_NAME=BUCKET)
    with project, override_storages(), serve_live_media():
        thread = LiveServerThread("localhost", _StaticFilesHandler)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        yield thread.port
        thread.terminate()


@pytest.fixture
def picture(tmp_path):
    """Return a small picture on the disk."""
    path = tmp_path / "lake.png"
    Image.new("RGB", (8, 6), "blue").save(path)
    return path


def send(page, url, file):
    """Send a file by the form; return the answer."""
    page.goto(url)
    page.get_by_label("Picture").set_input_files(file)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Send").click()
    return answer.value


def put(page, url, content, type="image/png", **headers):
    """Send a file by PUT from the page; return the status, the ETag and the error's code."""
    return page.evaluate(
        SCRIPT,
        {
            "url": url,
            "type": type,
            "content": base64.b64encode(content).decode(),
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def test_form(page, live, picture):
    """A presigned form stores the file under its name, and leads to the page that shows it."""
    assert send(page, f"http://localhost:{live}/", picture).status == 303
    image = page.get_by_role("img", name="Uploaded")
    assert_shown(image)
    assert image.get_attribute("src").startswith(f"http://localhost:{live}/")
    with storage().open("up/lake.png") as file:
        assert file.read() == picture.read_bytes()
    assert storage().bucket.Object("up/lake.png").content_type == "image/png"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ("type=text/html", "AccessDenied"),
        ("key=other/lake.png", "AccessDenied"),
        ("x-amz-meta-added=1", "AccessDenied"),
        ("policy=bm90aGluZw==", "SignatureDoesNotMatch"),
    ],
)
def test_changed_form(page, recorder, live, picture, changed, code):
    """A form whose fields are not those that were signed is refused."""
    answer = send(page, f"http://localhost:{live}/?{changed}", picture)
    assert answer.status in (400, 403)
    assert f"<Code>{code}</Code>" in answer.text()
    recorder.expect("Failed to load resource")
    assert storage().listdir("") == ([], [])


def test_large_file(page, recorder, live, tmp_path):
    """A file that is larger than the policy allows is refused."""
    large = tmp_path / "large.png"
    large.write_bytes(bytes(1001))
    answer = send(page, f"http://localhost:{live}/", large)
    assert "<Code>EntityTooLarge</Code>" in answer.text()
    recorder.expect("Failed to load resource")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_put(page, live, picture, host):
    """A script sends a file by PUT, from the same origin or another, and reads its ETag."""
    page.goto(f"http://{host}:{live}/")
    content = picture.read_bytes()
    digest = hashlib.md5(content)
    md5 = base64.b64encode(digest.digest()).decode()
    url = sign("lake.png", ContentMD5=md5, Metadata={"from": "page"})
    answer = put(page, url, content, Content_MD5=md5, x_amz_meta_from="page")
    assert answer == [200, f'"{digest.hexdigest()}"', None]
    stored = storage().bucket.Object("lake.png")
    assert (stored.content_type, stored.metadata) == ("image/png", {"from": "page"})


def test_google(page, recorder, live, picture):
    """A script sends a file by a URL that Google's client signed, and the page shows it."""
    storage = GoogleCloudStorage(bucket_name=BUCKET)
    blob = storage.bucket.blob("lake.png")
    url = blob.generate_signed_url(
        timedelta(seconds=60), version="v4", method="PUT", content_type="image/png"
    )
    page.goto(f"http://localhost:{live}/")
    assert put(page, url, picture.read_bytes())[0] == 200
    assert put(page, url.replace("lake.png", "sea.png"), b"")[::2] == [403, "SignatureDoesNotMatch"]
    recorder.expect("Failed to load resource")
    page.evaluate(SHOW, storage.url("lake.png"))
    assert_shown(page.get_by_role("img", name="Uploaded"))


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_azure(page, recorder, live, picture):
    """A script sends a file by a URL with a SAS of Azure, and the page shows it."""
    storage = AzureStorage(azure_container=BUCKET, expiration_secs=60)
    url = storage.url("lake.png", mode="cw")
    page.goto(f"http://localhost:{live}/")
    content, headers = picture.read_bytes(), {"x_ms_blob_type": "BlockBlob"}
    assert put(page, url, content, **headers)[0] == 201
    changed = url.replace("lake.png", "sea.png")
    assert put(page, changed, content, **headers)[::2] == [403, "AuthenticationFailed"]
    recorder.expect("Failed to load resource")
    page.evaluate(SHOW, storage.url("lake.png"))
    assert_shown(page.get_by_role("img", name="Uploaded"))


def test_refused_puts(page, recorder, live, picture):
    """A PUT with another checksum, an expired one and a changed one are refused."""
    page.goto(f"http://localhost:{live}/")
    content = picture.read_bytes()
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    url = sign("a", ContentMD5=md5)
    assert put(page, url, content, Content_MD5=md5)[::2] == [400, "BadDigest"]
    url = sign("a")
    assert put(page, url, content, type="text/html")[::2] == [403, "SignatureDoesNotMatch"]
    expired = url.replace(url.partition("Expires=")[2].partition("&")[0], "1")
    assert put(page, expired, content)[0] == 403
    assert not storage().exists("a")
    recorder.expect("Failed to load resource")
