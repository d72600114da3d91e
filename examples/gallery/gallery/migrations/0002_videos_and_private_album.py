import django.utils.timezone
import easy_thumbnails.fields
from django.db import migrations, models

import gallery.models


class Migration(migrations.Migration):
    dependencies = [("gallery", "0001_initial")]

    operations = [
        migrations.RenameField("Picture", "image", "file"),
        migrations.AlterField(
            model_name="picture",
            name="file",
            field=easy_thumbnails.fields.ThumbnailerField(max_length=200, upload_to="pictures"),
        ),
        migrations.CreateModel(
            name="PrivatePicture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "created",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "file",
                    easy_thumbnails.fields.ThumbnailerField(
                        max_length=200,
                        storage=gallery.models.private_storage,
                        upload_to="album",
                    ),
                ),
            ],
            options={
                "ordering": ["-created", "-pk"],
                "abstract": False,
            },
        ),
    ]
