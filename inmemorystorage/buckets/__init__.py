"""Buckets in memory, and the HTTP requests of object stores on them, without any SDK."""
