"""Tests of other projects that our storages fail rightly: by project and name, with the reason.

A test that is listed here and passes is a fault, like one that is not listed and fails.
"""

Listed = dict[str, dict[str, str]]

# The default storage is ours as it comes: only tests that look at the disk themselves, and what
# the behaviour that users asked for contradicts.
AS_DEFAULT: Listed = {}

# The default storage is ours with behaves_like="filesystem", lend_paths=True.
AS_DEFAULT_LENT: Listed = {}

# The same two in the place of FileSystemStorage.
AS_FILE_SYSTEM_STORAGE: Listed = {}
AS_FILE_SYSTEM_STORAGE_LENT: Listed = {}

# Ours as it comes in the place of Django's in-memory storage: what FileSystemStorage contradicts.
# The run proves each, for FileSystemStorage must fail it too, at the same line with the same
# exception. docs/comparison.md lists the same names.
AS_DJANGO_IN_MEMORY: Listed = {}
