"""Environments as values: the document that a user has, and what a machine says of the one in force."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ds_ec2.model.machine import Machine


class DocumentKind(StrEnum):
    """What sort of document an environment is written down in."""

    REQUIREMENTS = "requirements"
    PYPROJECT = "pyproject"
    CONDA = "conda"


@dataclass(frozen=True, slots=True)
class Document:
    """An environment as its user wrote it down, read and checked.

    Args:
        kind: What sort of document it is.
        source: What messages call it: a path, or `the command line`.
        main: Name of the file to begin with.
        files: (name, bytes) pairs, sorted; names are relative, with slashes.
        pythons: Python versions that it accepts, like 3.12; empty for any.
        text: The text that is the value of the parameter `packages`; empty where an archive has to travel.
        archive: The files as one tar.xz: the same files make the same bytes.
    """

    kind: DocumentKind
    source: str
    main: str
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    pythons: tuple[str, ...]
    text: str
    archive: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what travels."""
        return hashlib.sha256(self.text.strip().encode() + b"\n" if self.text else self.archive).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """What an apply would change, or has changed; versions by name.

    Args:
        added: Packages that come.
        removed: Packages that go.
        changed: (before, after).
        unchanged: Number of packages that stay as they are.
    """

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]
    unchanged: int

    @property
    def nothing(self) -> bool:
        """Whether every package stays as it is."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """Everything `env apply` would do.

    Args:
        machine: Whose environment.
        source: What the document is called; `the stack's` where none was named.
        value: The parameter's new value.
        before: The parameter's value now.
        bucket: Where the archive goes; empty where there is none.
        key: The archive's key.
        archive: The archive's bytes.
        difference: None where the machine does not run: the next start will tell.
        same: Nothing is to be done on the machine.
        kept: The environment is still on the machine, from before: nothing has to be installed.
        python: (before, after), where known.
        notes: Sentences worth reading before saying yes.
    """

    machine: Machine
    source: str
    value: str
    before: str
    bucket: str = ""
    key: str = ""
    archive: bytes = field(default=b"", repr=False)
    difference: Difference | None = None
    same: bool = False
    kept: bool = False
    python: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether stack and machine have it already."""
        return self.same and self.value.strip() == self.before.strip()


@dataclass(frozen=True, slots=True)
class EnvironmentResult:
    """What `env apply` did.

    Args:
        machine: The machine's name.
        difference: None where only the stack was changed.
        seconds: What the machine took.
    """

    machine: str
    difference: Difference | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """What is in force on a machine.

    Args:
        machine: The machine's name.
        finished: False while the first one is still being made.
        kind: `requirements`, `pyproject` or `conda`.
        sha256: Of the document.
        document: The document's text, or the reference to its archive.
        python: Like 3.12.3.
        applied_at: Unix seconds, or None.
        packages: Versions by name.
        apply_state: `running`, `done`, `failed`, or empty before the first apply.
        apply_error: Why the last apply failed.
        stack_differs: The stack names another document: the next start applies that one.
    """

    machine: str
    finished: bool
    kind: str
    sha256: str
    document: str
    python: str
    applied_at: float | None
    packages: Mapping[str, str]
    apply_state: str
    apply_error: str
    stack_differs: bool
