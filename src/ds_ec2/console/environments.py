"""Environments as text: what would change, what has changed, what is in force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ds_ec2.console.table import facts, table

if TYPE_CHECKING:
    from ds_ec2.model.environment import Difference, EnvironmentPlan, EnvironmentResult, EnvironmentState


def environment_plan(plan: EnvironmentPlan) -> str:
    """Return what `env apply` would change."""
    head = f"{plan.machine.name}: {plan.source}"
    before, after = plan.python
    python = f"  python {before} -> {after}" if before and not before.startswith(after) else ""
    body = "  already in force" if plan.same else difference(plan.difference) if plan.difference else ""
    kept = "  it is still on the machine: nothing has to be installed" if plan.kept and not plan.same else ""
    notes = "\n".join(f"  note: {note}" for note in plan.notes)
    return "\n".join(part for part in (head, python, body, kept, notes) if part)


def environment_result(result: EnvironmentResult) -> str:
    """Return what `env apply` did."""
    if result.difference is None:
        return f"The stack of {result.machine} names it now; the next start applies it."
    took = f" ({result.seconds:.1f} s)" if result.seconds is not None else ""
    return f"{result.machine} has it{took}.\n{difference(result.difference)}"


def difference(value: Difference) -> str:
    """Return a line for each package that comes, goes or changes, and the number of the others."""
    rows = [
        *(["  +", name, version] for name, version in value.added.items()),
        *(["  -", name, version] for name, version in value.removed.items()),
        *(["  ~", name, f"{old} -> {new}"] for name, (old, new) in value.changed.items()),
    ]
    counts = (
        f"  {len(value.added)} added, {len(value.removed)} removed, {len(value.changed)} changed,"
        f" {value.unchanged} unchanged"
    )
    return "\n".join([*(_aligned(rows) if rows else []), counts])


def environment_state(state: EnvironmentState) -> str:
    """Return what is in force."""
    moment = "" if state.applied_at is None else f"{datetime.fromtimestamp(state.applied_at, UTC):%F %T} UTC"
    document = f"{state.kind} {state.sha256[:12]}" if state.finished else "not finished: JupyterLab alone"
    stack = "another document: ds-ec2 env apply brings it into force" if state.stack_differs else ""
    pairs = [("document", document), ("python", state.python), ("applied", moment), ("stack", stack)]
    last = state.apply_state + (f": {state.apply_error}" if state.apply_error else "")
    body = facts([*pairs, ("last apply", last), ("packages", str(len(state.packages)))])
    rows = [[f"  {name}", version] for name, version in state.packages.items()]
    return "\n".join([f"environment of {state.machine}", body, table(["  PACKAGE", "VERSION"], rows)])


def _aligned(rows: list[list[str]]) -> list[str]:
    width = max(len(name) for _, name, _ in rows)
    return [f"{mark} {name.ljust(width)}  {version}" for mark, name, version in rows]
