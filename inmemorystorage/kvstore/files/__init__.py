"""Files on a key-value store: entries, contents in chunks, handles."""
