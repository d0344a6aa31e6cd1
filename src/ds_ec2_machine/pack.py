"""Pack this package for its journey: used where templates are made, not on the machine.

The same sources give the same bytes under every Python: no compiler's output, no dates, no compression
but the last one (xz).
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import lzma
import tokenize
import zipfile
from pathlib import Path
from typing import List, Tuple

PART_CHARACTERS = 4096
"""The longest value of a standard SSM parameter.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""
_HERE = Path(__file__).parent
_STAYS = {"pack.py"}
_MAIN = "from ds_ec2_machine.__main__ import main\n\nmain()\n"


def _docstrings(source: str) -> List[Tuple[int, int, bool]]:
    """Return first line, last line, and whether nothing else stands in the body, for each docstring."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        for one in node.body:
            text = one.value if isinstance(one, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found.append((one.lineno, one.end_lineno or one.lineno, len(node.body) == 1))
    return found


def bare(source: str) -> str:
    """Return the source without comments and docstrings; each line keeps its number."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for first, last, alone in _docstrings(source):
        indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
        lines[first - 1 : last] = [f"{indent}..." if alone else ""] + [""] * (last - first)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def loader_text() -> str:
    """Return `loader.py` as it is embedded in user data: without comments, docstrings and blank lines."""
    text = bare((_HERE / "loader.py").read_text(encoding="utf-8"))
    return "\n".join(line for line in text.splitlines() if line) + "\n"


def zip_application() -> bytes:
    """Return `machine.pyz`: run it with `python3 machine.pyz <verb>`."""
    files = {"__main__.py": _MAIN}
    for path in sorted(_HERE.glob("*.py")):
        if path.name not in _STAYS:
            files[f"{_HERE.name}/{path.name}"] = bare(path.read_text(encoding="utf-8"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is packed
            archive.writestr(entry, text)
    return buffer.getvalue()


def code() -> Tuple[str, List[str]]:
    """Return the SHA-256 of the zip application, and the values of `code/0`, `code/1`, ..."""
    application = zip_application()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0, "lc": 4}]
    text = base64.b64encode(lzma.compress(application, check=lzma.CHECK_NONE, filters=filters)).decode()
    parts = [text[at : at + PART_CHARACTERS] for at in range(0, len(text), PART_CHARACTERS)]
    return hashlib.sha256(application).hexdigest(), parts


def manifest(stack_path: str, parts: int, sha256: str) -> str:
    """Return the value of the parameter `code`.

    Args:
        stack_path: `/ds-ec2/<stack>`, or a placeholder for it.
        parts: How many there are.
        sha256: Of the zip application, or a placeholder for it.
    """
    names = [f"{stack_path}/code/{index}" for index in range(parts)]
    return json.dumps({"parts": names, "sha256": sha256})
