"""What the user wants installed: a list in the parameter `packages`, or the archive that it names."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Tuple

from ds_ec2_machine import s3
from ds_ec2_machine.loader import sha
from ds_ec2_machine.platform import PACKAGES, STATE
from ds_ec2_machine.stages import StageError

if TYPE_CHECKING:
    from ds_ec2_machine.platform import Platform
    from ds_ec2_machine.stages import Stage

REQUIREMENTS = "requirements"
PYPROJECT = "pyproject"
CONDA = "conda"
_KEPT = 3


@dataclass(frozen=True)
class Document:
    """An environment as its user wrote it down.

    Args:
        value: The parameter's text, which is all that travels by itself.
        kind: `requirements`, `pyproject` or `conda`.
        sha256: Of the archive; of the text where there is none.
        main: The file to begin with.
        key: The archive's key in the bucket, empty where there is none.
        pythons: Versions that it accepts, like 3.12; empty for any.
    """

    value: str
    kind: str
    sha256: str
    main: str
    key: str = ""
    pythons: Tuple[str, ...] = ()


def parse(value: str) -> Document:
    """Read the parameter's text.

    Raises:
        StageError: It is no list, and names no archive.
    """
    text = value.strip()
    if not text.startswith("{"):
        return Document(text, REQUIREMENTS, sha(f"{text}\n".encode()), "requirements.txt")
    try:
        told = json.loads(text)
        found = Document(text, told["kind"], told["sha256"], told["main"], told["key"], tuple(told["python"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"the stack names no environment: {error!r}") from error
    odd = [one for one in found.pythons if not re.fullmatch(r"3\.\d+", one)]
    if odd or not re.fullmatch(r"[0-9a-f]{64}", found.sha256) or not re.fullmatch(r"[\w./-]+", found.key):
        raise StageError(f"the stack names no archive: {text[:200]}")
    return found


def wanted(platform: Platform) -> Document:
    """Return what the stack wanted when it was last read."""
    file = platform.file(PACKAGES)
    return parse(file.read_text() if file.exists() else "#")


def unpack(stage: Stage, document: Document) -> Path:
    """Return the folder of a document's files, fetched where they are not here yet.

    Raises:
        StageError: The archive is not the one that the stack names.
        OSError: It cannot be fetched.
    """
    root = stage.platform.file(f"{STATE}/documents")
    folder = root / document.sha256
    if not folder.exists():
        new = root / f"{document.sha256}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        if document.key:
            stage.say(f"fetching {document.key}")
            data = s3.get(stage.platform, document.key)
            if sha(data) != document.sha256:
                raise StageError(f"the archive's SHA-256 is {sha(data)}, the stack names {document.sha256}")
            _extract(data, new)
        else:
            (new / document.main).write_text(document.value + "\n", encoding="utf-8")
        new.replace(folder)
    folder.touch()
    for old in sorted(root.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old)
    return folder


def _extract(data: bytes, folder: Path) -> None:
    """Write an archive's files: plain ones, below the folder."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            file = archive.extractfile(member) if member.isfile() else None
            if file is None or name.is_absolute() or ".." in name.parts:
                raise StageError(f"{member.name} has no place in the archive of an environment")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
