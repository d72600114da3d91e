"""An in-memory POSIX file tree, which knows nothing of Django."""
