"""Quotas and requests for more, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ds_ec2.console.resources import resources
from ds_ec2.console.table import facts, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ds_ec2.model.quotas import QuotaPlan, QuotaRequest, QuotaUse

_COLUMNS: Final = ("MACHINES", "LIMIT", "USED", "FREE", "ASKED", "CODE")
_NUMBERS: Final = frozenset({"LIMIT", "USED", "FREE", "ASKED"})
HOW_LONG: Final = (
    "AWS decides by itself within minutes, or a person does within days; nobody can tell beforehand"
)


def quota_table(region: str, quotas: Sequence[QuotaUse]) -> str:
    """Return a line a quota."""
    rows = [
        [one.name, _count(one.limit), str(one.used), _count(one.free), _count(one.asked), one.code]
        for one in quotas
    ]
    return f"vCPUs in {region}\n{table(_COLUMNS, rows, right=_NUMBERS)}"


def quota_plan(plan: QuotaPlan) -> str:
    """Return what would be asked for."""
    quota = plan.quota
    head = f"{plan.type.name} ({resources(plan.type)}), {plan.market.value}, in {plan.region}"
    asked = "" if plan.open else f"a limit of {plan.value:g} vCPU"
    waiting = f"{plan.open.value:g} vCPU, {plan.open.status}" if plan.open else ""
    body = facts(
        [
            ("quota", f"{plan.name} ({quota.code})"),
            ("now", f"{quota.used} of {quota.limit or 0:g} vCPU in use, it needs {quota.needed}"),
            ("ask for", asked),
            ("asked already", waiting),
            ("it takes", HOW_LONG),
        ]
    )
    return f"{head}\n{body}"


def quota_request(request: QuotaRequest, command: str) -> str:
    """Return where a request stands, and the command that follows it."""
    case = f", support case {request.case}" if request.case else ""
    said = f"{request.value:g} vCPU of {request.code}: {request.status}{case}"
    return f"{said}\n{facts([('follow', command)])}" if request.open else said


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
