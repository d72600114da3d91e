"""An app whose models share storages, for tests of orphans."""
