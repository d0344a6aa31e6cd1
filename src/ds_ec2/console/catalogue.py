"""The catalogue's facts as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ds_ec2.console.table import facts

if TYPE_CHECKING:
    from ds_ec2.model.catalogue import CatalogueFacts


def catalogue_facts(value: CatalogueFacts) -> str:
    """Return age, source and numbers of a region's catalogue."""
    unpriced = value.types - value.priced - value.approximate
    prices = [
        f"{value.priced} of this region" if value.priced else "",
        f"{value.approximate} of another region" if value.approximate else "",
        f"{unpriced} unknown" if unpriced else "",
    ]
    body = facts(
        [
            ("prices", f"of {value.priced_on}, {value.age_days} days old"),
            ("source", value.source),
            ("file", value.file),
            ("types", f"{value.types}, {value.gpu_types} of them with NVIDIA GPUs"),
            ("zones", ", ".join(value.zones)),
            ("priced", ", ".join(part for part in prices if part)),
            ("spot", f"{value.spot} types" if value.spot else "no prices; ds-ec2 catalog refresh reads them"),
        ]
    )
    return f"catalogue of {value.region}\n{body}"
