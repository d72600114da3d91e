"""An app whose files are on storages that no test may use."""
