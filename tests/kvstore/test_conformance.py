"""Every backend passes the suite that ships for third parties."""

from inmemorystorage.kvstore.conformance import StoreConformance


class TestLocmem(StoreConformance):
    """A dict in the process."""

    uri = "locmem://conformance"
