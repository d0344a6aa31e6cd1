"""Shows steps while they happen: a live list on a terminal, plain lines elsewhere. To standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ds_ec2.model.steps import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table

T = TypeVar("T")

_MARK: Final = {StepState.DONE: "+", StepState.FAILED: "x", StepState.NOTE: "-", StepState.RUNNING: "."}


class _View(Protocol):
    def show(self, step: Step) -> None: ...
    def close(self) -> None: ...


def show_steps(steps: Generator[Step, None, T]) -> T:
    """Run `steps` to its end, show each, and return its result.

    Closing the generator on Ctrl-C lets the operation leave a state that the next command understands.
    """
    view: _View = _LiveView() if sys.stderr.isatty() else _PlainView()
    try:
        while True:
            view.show(next(steps))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()
        view.close()


class _PlainView:
    """A line when a step begins, and one when it ends; repeated details are not worth a line in a log."""

    def __init__(self) -> None:
        self._last: dict[str, StepState] = {}
        self._begun: dict[str, float] = {}

    def show(self, step: Step) -> None:
        if step.state is StepState.LOG:
            sys.stderr.write(f"  {step.title}\n")
            sys.stderr.flush()
            return
        if self._last.get(step.key) is step.state:
            return
        if step.state is StepState.RUNNING and step.key in self._last:
            self._begun.pop(step.key, None)  # it begins once more
        self._last[step.key] = step.state
        elapsed = _elapsed(step, self._begun)
        took = (
            f" ({elapsed:.1f} s)"
            if step.state in {StepState.DONE, StepState.FAILED} and elapsed > 0.05
            else ""
        )
        detail = f": {step.detail}" if step.detail and step.state is not StepState.RUNNING else ""
        sys.stderr.write(f"{_MARK[step.state]} {step.title}{detail}{took}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Nothing is open."""


class _LiveView:
    """One line a step, redrawn in place, with a clock that runs between events."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._steps: dict[str, Step] = {}
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._spinner: Spinner | None = None
        self._live: Live = Live(
            console=Console(stderr=True, highlight=False), refresh_per_second=8, get_renderable=self._draw
        )
        self._live.start()

    def show(self, step: Step) -> None:
        if step.state is StepState.LOG:
            self._live.console.print(f"  {step.title}", style="dim", markup=False)
            return
        if step.state is StepState.RUNNING and self._ended.pop(step.key, None) is not None:
            self._begun.pop(step.key)  # it begins once more, in another zone
        elapsed = _elapsed(step, self._begun)
        if step.state is not StepState.RUNNING:
            self._ended.setdefault(step.key, elapsed)
        self._steps[step.key] = step
        while len(self._steps) >= self._live.console.height and (ended := self._first_ended()):
            self._live.console.print(self._grid({ended: self._steps[ended]}))
            del self._steps[ended]

    def close(self) -> None:
        self._live.stop()

    def _first_ended(self) -> str:
        """Return the oldest line that needs no redrawing: it moves up where the list is too long."""
        ended = (key for key, step in self._steps.items() if step.state is not StepState.RUNNING)
        return next(ended, "")

    def _draw(self) -> Table:
        return self._grid(dict(self._steps))

    def _grid(self, steps: dict[str, Step]) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        self._spinner = self._spinner or Spinner("dots")
        styles = {StepState.DONE: "green", StepState.FAILED: "bold red", StepState.NOTE: "dim"}
        glyphs = {StepState.DONE: "✓", StepState.FAILED: "✗", StepState.NOTE: "·"}
        now = time.monotonic()
        for key, step in steps.items():
            running = step.state is StepState.RUNNING
            mark = self._spinner if running else Text(glyphs[step.state], style=styles[step.state])
            seconds = self._ended.get(key, now - self._begun.get(key, now))
            clock = "" if step.state is StepState.NOTE else f"{seconds:6.1f} s"
            grid.add_row(
                mark,
                Text(step.title),
                Text(clock, style="dim"),
                Text(step.detail, style="dim", overflow="ellipsis", no_wrap=True),
            )
        return grid


def _elapsed(step: Step, begun: dict[str, float]) -> float:
    """Return the seconds since the step began: its own word, else our clock's."""
    now = time.monotonic()
    started = begun.setdefault(step.key, now - (step.elapsed_s or 0.0))
    return step.elapsed_s if step.elapsed_s is not None else now - started
