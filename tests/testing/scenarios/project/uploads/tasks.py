"""What other processes do."""


def append(path):
    """Append to a file."""
    with open(path, "ab") as file:
        file.write(b"more")
