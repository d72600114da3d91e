"""The lines of Django's documentation that the checks rely on."""

from __future__ import annotations

from .catalog import Source


def _storage(method: str, line: str) -> Source:
    return Source("ref/files/storage", f"django.core.files.storage.Storage.{method}", line)


def _custom(section: str, line: str) -> Source:
    return Source("howto/custom-file-storage", section, line)


def _file(member: str, line: str) -> Source:
    return Source("ref/files/file", f"django.core.files.File{member and '.'}{member}", line)


SAVE = _storage("save", "Saves a new file using the storage system")
PREFERRED_NAME = _storage("save", "preferably with the name specified")
RETURNED_NAME = _storage("save", "The actual name of the stored file will be returned.")
UNIQUE_NAME = _storage(
    "save", "the storage system may modify the filename as necessary to get a unique name"
)
CONTENT = _storage(
    "save",
    "The content argument must be an instance of django.core.files.File or a file-like object "
    "that can be wrapped in File.",
)
OPEN = _storage("open", "Opens the file given by name.")
DEFAULT_MODE = _storage("open", "open(name, mode='rb')")
OPENED_FILE = _storage("open", "the returned file is guaranteed to be a File object")
DELETE = _storage("delete", "Deletes the file referenced by name.")
DELETE_RAISES = _storage(
    "delete",
    "If deletion is not supported on the target storage system this will raise "
    "NotImplementedError instead.",
)
EXISTS = _storage(
    "exists",
    "Returns True if a file referenced by the given name already exists in the storage system.",
)
SIZE = _storage("size", "Returns the total size, in bytes, of the file referenced by name.")
LISTDIR = _storage(
    "listdir",
    "Lists the contents of the specified path, returning a 2-tuple of lists; the first item being "
    "directories, the second item being files.",
)
PATH = _storage(
    "path",
    "The local filesystem path where the file can be opened using Python's standard open().",
)
URL = _storage(
    "url", "Returns the URL where the contents of the file referenced by name can be accessed."
)
AVAILABLE_NAME = _storage(
    "get_available_name",
    "Returns a filename based on the name parameter that's free and available for new content to "
    "be written to on the target storage system.",
)
MAX_LENGTH = _storage(
    "get_available_name", "The length of the filename will not exceed max_length, if provided."
)
NO_NAME = _storage(
    "get_available_name",
    "If a free unique filename cannot be found, a SuspiciousFileOperation exception will be "
    "raised.",
)
ALTERNATIVE_NAME = _storage(
    "get_alternative_name",
    "an underscore plus a random 7 character alphanumeric string is appended to the filename "
    "before the extension",
)
VALID_NAME = _storage(
    "get_valid_name",
    "Returns a filename based on the name parameter that's suitable for use on the target storage "
    "system.",
)
GENERATED_NAME = _storage(
    "generate_filename",
    "the path won't be passed to get_valid_name but will be prepended back to the resulting name",
)
AWARE = "If USE_TZ is True, returns an aware datetime, otherwise returns a naive datetime"
MODIFIED_TIME = _storage(
    "get_modified_time", "Returns a datetime of the last modified time of the file."
)
MODIFIED_AWARE = _storage("get_modified_time", AWARE)
CREATED_TIME = _storage("get_created_time", "Returns a datetime of the creation time of the file.")
CREATED_AWARE = _storage("get_created_time", AWARE)
ACCESSED_AWARE = _storage("get_accessed_time", AWARE)

SUBCLASS = _custom(
    "how-to-write-a-custom-storage-class",
    "Your custom storage system must be a subclass of django.core.files.storage.Storage",
)
SERIALIZED = _custom(
    "how-to-write-a-custom-storage-class",
    "Your storage class must be deconstructible so it can be serialized when it's used on a field "
    "in a migration.",
)
PARTIAL = _custom(
    "how-to-write-a-custom-storage-class",
    "Note however that not all these methods are required and may be deliberately omitted.",
)
MISSING = _custom(
    "django.core.files.storage._open",
    "The FileNotFoundError exception should be raised when a file doesn't exist.",
)

FILE_NAME = _file("name", "The name of the file including the relative path from MEDIA_ROOT.")
FILE_SIZE = _file("size", "The size of the file in bytes.")
MODE = _file("mode", "The read/write mode for the file.")
REOPEN = _file("open", "Open or reopen the file (which also does File.seek(0)).")
REOPEN_MODE = _file(
    "open",
    "When reopening a file, mode will override whatever mode the file was originally opened with",
)
MODES = _file("open", "The mode argument allows the same values as Python's built-in open().")
LINES = _file("__iter__", "Iterate over the file yielding one line at a time.")
CHUNKS = _file("chunks", 'Iterate over the file yielding "chunks" of a given size.')
DEFAULT_CHUNKS = _file("chunks", "chunk_size defaults to 64 KB.")
MULTIPLE_CHUNKS = _file(
    "multiple_chunks",
    "Returns True if the file is large enough to require multiple chunks to access all of its "
    "content give some chunk_size.",
)
CLOSE = _file("close", "Close the file.")
FILE_API = _file(
    "",
    "File exposes the following attributes and methods of its file object: encoding, fileno, "
    "flush, isatty, newlines, read, readinto, readline, readlines, seek, tell, truncate, write, "
    "writelines, readable(), writable(), and seekable().",
)

STRING_CONTENT = Source(
    "ref/files/file",
    "django.core.files.base.ContentFile",
    "it operates on string content (bytes also supported)",
)
EXAMPLE_PATH = Source(
    "topics/files",
    "storage-objects",
    'path = default_storage.save("path/to/file", ContentFile(b"new content"))',
)
EXAMPLE_CONTENT = Source("topics/files", "storage-objects", "b'new content'")
EXAMPLE_DELETED = Source("topics/files", "storage-objects", "default_storage.exists(path)")
# No line says that a with block that raises keeps what was written; the nearest line.
CLOSED = Source("topics/files", "the-file-object", "myfile.closed")
# No line says that save() leaves its content open; the nearest line.
OPEN_CONTENT = Source(
    "ref/models/fields",
    "django.db.models.fields.files.FieldFile.open",
    "Since the underlying file is opened implicitly when accessing it, it may be unnecessary to "
    "call this method except to reset the pointer to the underlying file or to change the mode.",
)
UPLOADS = Source(
    "ref/models/fields",
    "django.db.models.fields.files.FieldFile.save",
    "This method takes a filename and file contents and passes them to the storage class for the "
    "field",
)
TRAVERSAL = Source(
    "releases/3.2.11",
    "cve-2021-45452-potential-directory-traversal-via-storage-save",
    "Storage.save() allowed directory-traversal if directly passed suitably crafted file names.",
)
