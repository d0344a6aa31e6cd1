"""A document's files as one archive: the same files make the same bytes, whoever packs them and when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ds_ec2.model.environment import Document

PREFIX: Final = "environment"
"""Below the stack's name in the bucket. These objects stay: a machine that is made again needs them."""


def pack(files: tuple[tuple[str, bytes], ...]) -> bytes:
    """Return the files as tar.xz, without dates and owners."""
    import io
    import lzma
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return lzma.compress(buffer.getvalue())


def key_of(document: Document, stack: str) -> str:
    """Return the archive's key in the bucket; empty where the text travels by itself."""
    return "" if document.text else f"{stack}/{PREFIX}/{document.sha256}.tar.xz"


def value_of(document: Document, stack: str) -> str:
    """Return the value of the stack's parameter: the text, or one line of JSON that names the archive."""
    if document.text:
        return document.text
    reference = {
        "kind": document.kind.value,
        "key": key_of(document, stack),
        "sha256": document.sha256,
        "main": document.main,
        "python": list(document.pythons),
    }
    return json.dumps(reference)
