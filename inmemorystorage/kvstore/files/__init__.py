"""Files on a key-value store: entries, chunks, and the devices that read and write them."""
