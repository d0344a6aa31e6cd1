"""Environment documents: read from where the user has them, followed to the files they name, and checked."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ds_ec2.errors import UsageError
from ds_ec2.model.environment import Document, DocumentKind
from ds_ec2.operations.archives import pack
from ds_ec2.operations.packages import check_packages, default_packages, fitting, included, read_text
from ds_ec2.operations.pythons import accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_BYTES: Final = 8 << 20
"""Of a document's files together: a uv.lock of 1,000 packages has 3 MB."""
_PATH: Final = re.compile(r".*\.(?:txt|in|toml|lock|ya?ml)|.*[/\\].*|\.\.?")
_CONDA_FILE: Final = re.compile(r"^\s*-\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", re.MULTILINE)
_IN_A_FOLDER: Final = ("pyproject.toml", "environment.yml", "environment.yaml", "requirements.txt")


def read_document(source: Path | str | Sequence[str] | None) -> Document:
    """Return the document at a path, or the one that a list of names is; None means ds-ec2's own list.

    Args:
        source: A requirements file, an environment.yml, a pyproject.toml or its folder; or requirements
            (in one text with spaces between them, or one by one).

    Raises:
        UsageError: It does not exist, is no such document, or a line of it is no requirement.
    """
    if source is None:
        return _listed(default_packages(), "the default list")
    words = [source] if isinstance(source, Path) else source.split() if isinstance(source, str) else source
    if len(words) == 1:
        word = words[0]
        path = Path(word)
        if isinstance(word, Path) or path.exists() or _PATH.fullmatch(word):
            return _read(path)
    return _listed("\n".join(str(word) for word in words) + "\n", "the command line")


def _read(path: Path) -> Document:
    if path.is_dir():
        inside = [path / name for name in _IN_A_FOLDER if (path / name).exists()]
        if not inside:
            raise UsageError(
                f"{path} holds no environment", why=f"none of {', '.join(_IN_A_FOLDER)}", hint=f"ls {path}"
            )
        path = inside[0]
    if path.name == "uv.lock":
        path = path.with_name("pyproject.toml")
    if path.suffix == ".toml":
        return _project(path)
    if path.suffix in {".yml", ".yaml"}:
        return _conda(path)
    return _requirements(path)


def _listed(text: str, source: str) -> Document:
    """Return the document of a list that names no file."""
    value = check_packages(text, source)
    return Document(DocumentKind.REQUIREMENTS, source, "requirements.txt", (), (), value, b"")


def _requirements(path: Path) -> Document:
    texts: dict[Path, str] = {}
    _follow(path, texts)
    if len(texts) == 1 and (value := fitting(texts[path])):
        return Document(DocumentKind.REQUIREMENTS, str(path), path.name, (), (), value, b"")
    return _packed(DocumentKind.REQUIREMENTS, path, {one: text.encode() for one, text in texts.items()})


def _follow(path: Path, texts: dict[Path, str]) -> None:
    """Read a list and, beside it, the lists that it names."""
    if path in texts:
        return
    texts[path] = read_text(path).replace("\r\n", "\n")
    for name in included(texts[path], str(path)):
        _follow(_beside(path, name), texts)


def _beside(path: Path, name: str) -> Path:
    """Return the path of a file that a document names.

    Raises:
        UsageError: It is absolute: it would lie elsewhere on the machine.
    """
    if Path(name).is_absolute() or name.startswith("~"):
        raise UsageError(
            f"{path} names {name}", why="the machine has no such folder", hint="name it relative to the file"
        )
    return Path(os.path.normpath(path.parent / name))


def _project(path: Path) -> Document:
    import tomllib

    files = {path: read_text(path).encode()}
    try:
        told: dict[str, Any] = tomllib.loads(files[path].decode())
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML", why=str(error)) from error
    project = told.get("project")
    if not isinstance(project, dict):
        raise UsageError(f"{path} has no [project]", why="it names no dependencies", hint="uv init")
    if "dependencies" in project.get("dynamic", ()):
        raise UsageError(
            f"{path} does not list its dependencies",
            why="they are dynamic, and the project's own code does not travel",
            hint=f"uv pip compile {path} -o requirements.txt, and name that",
        )
    for name in ("uv.lock", ".python-version"):
        beside = path.with_name(name)
        if beside.exists():
            files[beside] = read_text(beside).encode()
    pinned = files.get(path.with_name(".python-version"), b"").decode().split()
    version = re.fullmatch(r"(?:cpython-?)?(3\.\d+)(\.\d+)?", pinned[0]) if pinned else None
    wanted = str(project.get("requires-python", ""))
    pythons = (version.group(1),) if version else accepted(wanted, str(path))
    return _packed(DocumentKind.PYPROJECT, path, files, pythons)


def _conda(path: Path) -> Document:
    text = read_text(path)
    if not re.search(r"^dependencies:", text, re.MULTILINE):
        raise UsageError(
            f"{path} has no dependencies",
            why="an environment.yml has a list of that name",
            hint="conda env export --from-history > environment.yml",
        )
    texts = {path: text}
    for name in _CONDA_FILE.findall(text):
        _follow(_beside(path, name), texts)
    return _packed(DocumentKind.CONDA, path, {one: content.encode() for one, content in texts.items()})


def _packed(
    kind: DocumentKind, main: Path, files: dict[Path, bytes], pythons: tuple[str, ...] = ()
) -> Document:
    """Return a document whose files travel as an archive, named from the folder that holds them all."""
    if (size := sum(map(len, files.values()))) > _MOST_BYTES:
        raise UsageError(f"{main} is too large", why=f"{size:,} bytes; at most {_MOST_BYTES:,} can travel")
    absolute = {Path(os.path.abspath(path)): data for path, data in files.items()}  # noqa: PTH100 - resolve() would follow links
    root = Path(os.path.commonpath([path.parent for path in absolute]))
    named = tuple(sorted((path.relative_to(root).as_posix(), data) for path, data in absolute.items()))
    name = Path(os.path.abspath(main)).relative_to(root).as_posix()  # noqa: PTH100 - as above
    return Document(kind, str(main), name, named, pythons, "", pack(named))
