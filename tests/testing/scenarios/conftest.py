import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

IMAGES = Path(settings.MEDIA_ROOT, "conftest-img")


@pytest.fixture(params=[settings.MEDIA_ROOT])
def media_root(request):
    return request.param


@pytest.fixture
def img_dir():
    IMAGES.mkdir()
    yield IMAGES
    shutil.rmtree(IMAGES)


@pytest.fixture(scope="session")
def of_conftest():
    default_storage.save("session-of-conftest/a.txt", ContentFile(b""))
