"""The terminal on this side of a shell: raw keys in, size out."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SIZE_S: Final = 0.5
"""Where no signal tells of a new size: as often as the plugin looks."""
_FALLBACK: Final = (80, 24)


def size(descriptor: int) -> tuple[int, int]:
    """Return columns and rows; 80 x 24 where there is no terminal."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return _FALLBACK
    return (columns, rows) if columns and rows else _FALLBACK


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Pass every key on as it is, Ctrl-C too, while the context lasts; nothing for what is no terminal."""
    if not os.isatty(descriptor):
        yield
    elif sys.platform == "win32":
        with _raw_windows():
            yield
    else:
        import termios
        import tty

        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def size_changes(told: Callable[[], None]) -> Iterator[None]:
    """Call `told` in the event loop whenever the terminal may have a new size."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        task = asyncio.create_task(_poll(told))
        try:
            yield
        finally:
            task.cancel()
    else:
        import signal

        loop.add_signal_handler(signal.SIGWINCH, told)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)


async def _poll(told: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_POLL_SIZE_S)
        told()


if sys.platform == "win32":
    import ctypes

    _STANDARD_INPUT: Final = -10
    _STANDARD_OUTPUT: Final = -11
    # Source: https://learn.microsoft.com/windows/console/setconsolemode
    _PROCESSED_LINE_ECHO: Final = 0x0001 | 0x0002 | 0x0004
    _VIRTUAL_TERMINAL_INPUT: Final = 0x0200
    _VIRTUAL_TERMINAL_OUTPUT: Final = 0x0004

    @contextmanager
    def _raw_windows() -> Iterator[None]:
        """Switch the console to raw keys as escape sequences; standard input then reads as on POSIX."""
        kernel = ctypes.windll.kernel32
        changes = [
            (_STANDARD_INPUT, _PROCESSED_LINE_ECHO, _VIRTUAL_TERMINAL_INPUT),
            (_STANDARD_OUTPUT, 0, _VIRTUAL_TERMINAL_OUTPUT),
        ]
        before = []
        for number, off, on in changes:
            handle, mode = kernel.GetStdHandle(number), ctypes.c_uint32()
            if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
                before.append((handle, mode.value))
                kernel.SetConsoleMode(handle, (mode.value & ~off) | on)
        try:
            yield
        finally:
            for handle, value in before:
                kernel.SetConsoleMode(handle, value)
