"""A small Django site whose files are kept by `inmemorystorage`."""
