"""The table of a store in a database, as Django knows it."""

from __future__ import annotations

from functools import lru_cache

from django.apps.registry import Apps
from django.db import models


@lru_cache(maxsize=64)
def row_model(table: str, collation: str | None) -> type[models.Model]:
    """Return a model of a table, which no app and no migration knows."""
    options = {
        "apps": Apps(),
        "app_label": "inmemorystorage",
        "db_table": table,
        "constraints": [
            models.UniqueConstraint(fields=["key", "name"], name=f"{table[:48]}_key_name")
        ],
        # As the tables between models: who listens to the signals of all models hears nothing.
        "auto_created": True,
    }
    columns = {
        "id": models.BigAutoField(primary_key=True),
        "key": models.CharField(max_length=250, db_collation=collation),
        "name": models.CharField(max_length=250, db_collation=collation),
        "meta": models.BinaryField(),
        "body": models.BinaryField(),
    }
    meta = type("Meta", (), options)
    return type("Row", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})
