"""The database schema of the gallery."""
