import os

import django.core.files.storage
from django.conf import settings
from django.db import migrations, models

import library.models
import library.storages


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Document",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file", models.FileField(blank=True, upload_to="documents")),
                (
                    "project",
                    models.FileField(blank=True, storage=library.storages.choose, upload_to=""),
                ),
                (
                    "overwriting",
                    models.FileField(
                        blank=True, storage=library.storages.OverwritingStorage(), upload_to=""
                    ),
                ),
                (
                    "tenant",
                    models.FileField(
                        blank=True, storage=library.storages.TenantStorage(), upload_to=""
                    ),
                ),
                (
                    "private",
                    models.FileField(
                        blank=True,
                        storage=django.core.files.storage.FileSystemStorage(
                            base_url="/private/", location=settings.PRIVATE_ROOT
                        ),
                        upload_to="",
                    ),
                ),
                (
                    "nested",
                    models.FileField(
                        blank=True,
                        storage=django.core.files.storage.FileSystemStorage(
                            location=os.path.join(settings.BASE_DIR, "media", "nested")
                        ),
                        upload_to="",
                    ),
                ),
                ("with_thumbnail", library.models.ThumbnailField(blank=True, upload_to="")),
            ],
        ),
    ]
