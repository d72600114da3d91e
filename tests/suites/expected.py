"""Tests of other projects that our storages may fail, by project and name, with the reason.

A listed test that passes is a fault, like an unlisted test that fails.
"""

Listed = dict[str, dict[str, str]]


def tests(of: str, reason: str, *names: str) -> dict[str, str]:
    """Return the names of one class's tests, with their reason."""
    return {f"{of}.{name}": reason for name in names}


NEEDS_PATH = "it asks for the path of a file, and files in memory have none"
NEEDS_SHARING = (
    "it makes a new storage for each step, and without INMEMORYSTORAGE_PERSIST each has its own "
    "tree"
)

SHARED_BY_STEPS = {
    **tests(
        "core.tests.admin_integration.test_import_encoding.CompleteImportEncodingTest",
        NEEDS_SHARING,
        "test_import_action_handles_MediaStorage_read",
        "test_import_action_handles_MediaStorage_read_binary",
        "test_import_action_handles_MediaStorage_read_iso_8859_1",
        "test_import_action_handles_MediaStorage_read_mac",
    ),
    "core.tests.test_tmp_storages.TempStoragesTest.test_media_storage": NEEDS_SHARING,
}
NAMES_FILE_SYSTEM_STORAGE = {
    "core.tests.test_tmp_storages.TempStoragesTest.test_media_storage_read_with_encoding": (
        "it replaces FileSystemStorage.open, which no other default storage calls; it passes where "
        "our storage replaces FileSystemStorage"
    )
}
CASE_OF_UPLOAD = {
    "file_uploads.tests.FileUploadTests.test_filename_case_preservation": NEEDS_PATH,
}
AFTER_REMOVAL_ON_DISK = {
    "file_uploads.tests.DirectoryCreationTests.test_not_a_directory": (
        "the tests before it clean up by removing MEDIA_ROOT from the disk, where our files are not"
    ),
}
# FileSystemStorage fails it too when run as root.
READ_ONLY_DISK = {
    "file_uploads.tests.DirectoryCreationTests.test_readonly_root": (
        "it removes the write permission of a directory on the disk"
    ),
}

# The default storage is ours.
AS_DEFAULT: Listed = {
    "django-import-export": SHARED_BY_STEPS | NAMES_FILE_SYSTEM_STORAGE,
    "Django": CASE_OF_UPLOAD,
}

# The default storage is ours with behaves_like="filesystem", lend_paths=True.
AS_DEFAULT_LENT: Listed = {
    "django-import-export": NAMES_FILE_SYSTEM_STORAGE,
    "Django": AFTER_REMOVAL_ON_DISK,
}

# Our storage by default, instead of FileSystemStorage.
AS_FILE_SYSTEM_STORAGE: Listed = {
    "easy-thumbnails": {
        **tests(
            "easy_thumbnails.tests.test_fields.ThumbnailerFieldTest",
            NEEDS_PATH,
            "test_delete",
            "test_delete_thumbnails",
        ),
        **tests(
            "easy_thumbnails.tests.test_files.FilesTest",
            NEEDS_PATH,
            "test_default_subsampling",
            "test_subsampling",
        ),
        **tests(
            "easy_thumbnails.tests.test_files.FilesTest",
            "the optimizer skips files without a path",
            "test_postprocessor",
            "test_postprocessor_fail",
        ),
        "easy_thumbnails.tests.test_files.FilesTest.test_missing_thumb_from_storage": (
            "easy-thumbnails treats a file without a path as remote, and does not look for it again"
        ),
        **tests(
            "easy_thumbnails.tests.test_templatetags.ThumbnailTagAliasTest",
            NEEDS_PATH,
            "test_alias_overrides",
            "test_correct_alias",
            "test_invalid_alias_name",
        ),
        **tests(
            "easy_thumbnails.tests.test_templatetags.ThumbnailerFilterTest",
            NEEDS_PATH,
            "test_get",
            "test_invalid",
            "test_relative_name",
        ),
        **tests(
            "easy_thumbnails.tests.test_templatetags.ThumbnailerPassiveFilterTest",
            NEEDS_PATH,
            "test_check_generate",
            "test_get_existing",
            "test_get_missing",
            "test_invalid",
        ),
        "easy_thumbnails.tests.test_templatetags.ThumbnailerDataUriTest.test_data_uri": NEEDS_PATH,
        "easy_thumbnails.tests.test_templatetags.ThumbnailSVGImage.testTag": (
            "it opens the name of an open file as a path"
        ),
        **tests(
            "easy_thumbnails.tests.test_thumbnail_cleanup.ThumbnailCleanupTest",
            NEEDS_PATH,
            "test_cleanup_command",
            "test_cleanup_dry_run",
            "test_cleanup_last_n_days",
            "test_source_storage_hash_not_found",
        ),
    },
    "django-import-export": SHARED_BY_STEPS,
    "Django": {
        **CASE_OF_UPLOAD,
        **READ_ONLY_DISK,
        **tests(
            "model_fields.test_imagefield.ImageFieldTests",
            NEEDS_PATH,
            "test_delete_when_missing",
            "test_instantiate_missing",
        ),
    },
}

# Ours with behaves_like="filesystem", lend_paths=True, instead of FileSystemStorage.
AS_FILE_SYSTEM_STORAGE_LENT: Listed = {"Django": AFTER_REMOVAL_ON_DISK | READ_ONLY_DISK}

# The library's runner replaces the storage.
WITH_RUNNER: Listed = {}

# The library's runner replaces moto.
INSTEAD_OF_MOTO: Listed = {}

# Our storage by default, instead of Django's in-memory storage: tests that FileSystemStorage must
# fail too, at the same line with the same exception. docs/comparison.md lists the same names.
AS_DJANGO_IN_MEMORY: Listed = {
    "Django": {
        "file_storage.test_inmemory_storage.MemoryStorageIOTests"
        ".test_file_node_cannot_have_children": (
            "it expects FileExistsError from listdir() below a file; a disk raises "
            "NotADirectoryError"
        ),
        **tests(
            "file_storage.test_inmemory_storage.MemoryStorageTimesTests",
            "it writes to a file that it opened for reading, which a disk refuses",
            "test_file_created_time",
        ),
    },
}

# dj-inmemorystorage 2.1's own tests, on our storage by default. docs/migration.md has the reasons.
AS_PREDECESSOR: Listed = {
    "dj-inmemorystorage": {
        "tests.MemoryStorageTests.test_all": (
            "it expects text from open() without a mode; Django's contract is bytes"
        ),
        "tests.MemoryStorageTests.test_created_time": (
            "it writes to a file that it opened for reading, which a disk refuses"
        ),
    },
}
