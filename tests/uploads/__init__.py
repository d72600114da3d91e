"""An app with models that have files, for the tests."""
