"""Runs one act a node of a graph, each in a thread as soon as what it depends on is done."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run(graph: Mapping[str, frozenset[str]], act: Callable[[str], bool], *, go_on: bool = False) -> list[str]:
    """Call `act` for every node, and return those for which it answered False.

    A node whose dependencies failed is not acted on. A thread each, since a wait condition blocks.

    Args:
        graph: For each node, those that come before it; nodes that are not in the graph count as done.
        act: Returns whether it succeeded; must not raise.
        go_on: Whether nodes that do not depend on a failed one are still begun.
    """
    waiting = {name: set(before) & graph.keys() for name, before in graph.items()}
    results: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    failed: list[str] = []
    running = 0
    while True:
        if not failed or go_on:
            for name in [name for name, before in waiting.items() if not before]:
                del waiting[name]
                running += 1
                threading.Thread(
                    target=lambda n=name: results.put((n, act(n))), name=f"stack-{name}", daemon=True
                ).start()
        if not running:
            return failed
        name, succeeded = results.get()
        running -= 1
        if not succeeded:
            failed.append(name)
            continue
        for before in waiting.values():
            before.discard(name)


def reverse(graph: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the graph with every arrow turned: for deletion, dependents come first."""
    turned: dict[str, set[str]] = {name: set() for name in graph}
    for name, before in graph.items():
        for other in before & graph.keys():
            turned[other].add(name)
    return {name: frozenset(after) for name, after in turned.items()}
