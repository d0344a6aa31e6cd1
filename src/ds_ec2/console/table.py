"""Aligned columns, the same on a terminal and in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_READABLE: Final = 24
"""Characters of a cell that say enough."""


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[str] = frozenset()
) -> str:
    """Return the rows under their column titles, two spaces between columns.

    Args:
        columns: Titles.
        rows: One string per column.
        right: Titles of the columns that hold numbers.
    """
    cells = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, width, title in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def fitted(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, drop: Sequence[str], cut: str
) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows whose lines a terminal does not wrap, as far as that can be had.

    Args:
        columns: Titles.
        rows: One string per column.
        width: Of the terminal.
        drop: Titles of what may be left out, the first one first.
        cut: Title of the column that may be cut; it stays long enough to be read while others can go.
    """
    shown = list(columns)
    for gone in ("", *drop):
        shown = [title for title in shown if title != gone]
        widths = {
            title: max(len(title), *(len(row[at]) for row in rows))
            for at, title in enumerate(columns)
            if title in shown
        }
        room = width - sum(widths.values()) - 2 * (len(shown) - 1) + widths[cut]
        if room >= min(widths[cut], _READABLE):
            break
    room = max(room, len(cut))
    cells = [dict(zip(columns, row, strict=True)) for row in rows]
    return shown, [
        [_cut(row[title], room) if title == cut else row[title] for title in shown] for row in cells
    ]


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    # Little room is for the first word alone: `stopped` of `stopped: idle for 60 minutes`.
    return f"{text[: room - 2].rstrip(' :')}.." if room >= _READABLE else text.partition(":")[0][:room]


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return `label  value` lines, aligned; pairs with an empty value are left out."""
    shown = [(label, value) for label, value in pairs if value]
    width = max((len(label) for label, _ in shown), default=0)
    return "\n".join(f"  {label.ljust(width)}  {value}" for label, value in shown)
