"""The list of packages: read, checked line by line, and small enough for one SSM parameter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ds_ec2.errors import UsageError

MOST_BYTES: Final = 4096
"""Of a CloudFormation parameter, and of a standard SSM parameter.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""
DEFAULT_LIST: Final = Path(__file__).parents[1] / "catalog" / "data" / "requirements.txt"
EMPTY: Final = "#"
"""An SSM parameter cannot be empty."""

# Source: https://packaging.python.org/en/latest/specifications/dependency-specifiers/
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS: Final = r"(?:\s*\[[A-Za-z0-9._,\s-]*\])?"
_ONE_VERSION: Final = r"(?:===|~=|==|!=|<=|>=|<|>)\s*v?[0-9][A-Za-z0-9.*+!_-]*"
_VERSIONS: Final = rf"(?:\s*\(?\s*{_ONE_VERSION}(?:\s*,\s*{_ONE_VERSION})*\s*\)?)?"
_URL: Final = r"\s*@\s*(?:https?|git\+https|git\+ssh|s3)://[A-Za-z0-9._~:/?#\[\]@!'()*+,=%-]+"
_MARKER: Final = (
    r"(?:\s*;\s*[a-z_(\s]+(?:===|~=|==|!=|<=|>=|<|>|\sin\s|\snot\sin\s)[A-Za-z0-9_.'\"<>=!~(),\s*+-]+)?"
)
_HASHES: Final = r"(?:\s+--hash=sha(?:256|384|512):[0-9a-f]+)*"
_REQUIREMENT = re.compile(rf"{_NAME}{_EXTRAS}(?:{_URL}|{_VERSIONS}){_MARKER}{_HASHES}")
_OPTION = re.compile(
    r"(?:--pre|--prefer-binary|--require-hashes"
    r"|(?:--index-url|--extra-index-url|--find-links|-i|-f)[\s=]https://[A-Za-z0-9._~:/?#@%+=-]+"
    r"|(?:--no-binary|--only-binary)[\s=][A-Za-z0-9:._,-]+)"
)
_INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)")
_FILE = re.compile(r"-[rce]\b|--(requirement|constraint|editable)\b|\.{0,2}/")


def default_packages() -> str:
    """Return the text of ds-ec2's own list."""
    return DEFAULT_LIST.read_text(encoding="utf-8")


def read_packages(path: Path) -> str:
    """Return the text of a requirements file that travels by itself.

    Comments are left out only where the file would be too large with them.

    Raises:
        UsageError: It is missing, no UTF-8, too large, or a line is no requirement.
    """
    return check_packages(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return the text of a file of the user's.

    Raises:
        UsageError: It is missing, cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"{path} does not exist", why="it was named as the list of packages", hint=f"ls {path.parent}"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8",
            why=f"byte {error.start}: {error.reason}",
            hint=f"iconv -f latin1 -t utf-8 {path} > {path.stem}-utf8.txt",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=error.strerror or str(error), hint=f"ls -ld {path}"
        ) from error


def included(text: str, source: str) -> tuple[str, ...]:
    """Return the files that a list names with `-r` and `-c`, its other lines checked.

    Raises:
        UsageError: A line is no requirement.
    """
    found = []
    for number, line in enumerate(_lines(text), start=1):
        plain = _without_comment(line)
        if match := _INCLUDED.fullmatch(plain):
            found.append(match.group(1))
        else:
            _check_line(plain, f"{source}, line {number}")
    return tuple(found)


def fitting(text: str) -> str:
    """Return a list as one parameter's value, without comments where it has to be; empty if too large."""
    lines = _lines(text)
    whole = "\n".join(lines).strip()
    if len(whole.encode()) <= MOST_BYTES and "{{" not in whole:
        return whole + "\n" if _fits_with_newline(whole) else whole or EMPTY
    short = "\n".join(filter(None, map(_without_comment, lines)))
    return "" if len(short.encode()) > MOST_BYTES else short or EMPTY


def check_packages(text: str, source: str) -> str:
    """Return a list of packages with its lines checked.

    Args:
        text: Text of a requirements file.
        source: What messages call it.

    Raises:
        UsageError: A line is no requirement, or the list is too large.
    """
    lines = _lines(text)
    for number, line in enumerate(lines, start=1):
        _check_line(_without_comment(line), f"{source}, line {number}")
    if value := fitting(text):
        return value
    size = len("\n".join(filter(None, map(_without_comment, lines))).encode())
    raise UsageError(
        f"{source} is too large",
        why=f"{size:,} bytes without comments; at most {MOST_BYTES:,} can travel",
        hint="put it into a file: ds-ec2 up --packages more.txt",
    )


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\\\n", " ").split("\n")


def _fits_with_newline(text: str) -> bool:
    return bool(text) and len(text.encode()) < MOST_BYTES


def _without_comment(line: str) -> str:
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()


def _check_line(line: str, where: str) -> None:
    if not line or _REQUIREMENT.fullmatch(line) or _OPTION.fullmatch(line):
        return
    if _FILE.match(line):
        raise UsageError(
            f"{where}: {line!r} names a file of this computer",
            why="only the list itself travels to the machine",
            hint="name the packages themselves, or a URL: name @ https://...",
        )
    raise UsageError(
        f"{where}: {line!r} is no requirement",
        why="a line is a package with versions and markers, as in: pandas>=2.2",
        hint="https://pip.pypa.io/en/stable/reference/requirements-file-format/",
    )
