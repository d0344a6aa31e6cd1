"""Names of accelerators: how AWS spells them, how people do, and the nearest ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ds_ec2.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ds_ec2.model.instances import Accelerator

_ALIASES: Final = {
    "rtxpro6000": "rtxproserver6000",
    "v520": "radeonprov520",
    "radeon": "radeonprov520",
    "gaudi": "gaudihl205",
    "hl205": "gaudihl205",
    "ai100": "qualcommai100",
    "inferentia1": "inferentia",
    "trainium1": "trainium",
}
"""What people write, to AWS's name; both plain."""


def plain(name: str) -> str:
    """Return a name without what people leave out or change: `RTX PRO-6000` is `rtxpro6000`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def wanted(name: str) -> str:
    """Return the plain name that AWS's spelling has."""
    short = plain(name)
    return _ALIASES.get(short, short)


def is_named(device: Accelerator, names: Iterable[str]) -> bool:
    """Whether one of the plain names is the device's own, or its maker's."""
    return bool({plain(device.name), plain(device.maker)} & set(names))


def check_names(names: Iterable[str], devices: Sequence[Accelerator]) -> None:
    """Refuse a name that no device has.

    Raises:
        UsageError: With the nearest names.
    """
    known = {plain(one): one for device in devices for one in (device.name, device.maker)}
    for name in names:
        if wanted(name) in known:
            continue
        from difflib import get_close_matches

        near = [known[one] for one in get_close_matches(plain(name), known, n=3, cutoff=0.4)]
        every = ", ".join(sorted({device.name for device in devices}))
        raise UsageError(
            f"no instance type has a GPU called {name!r}",
            why=f"near are {', '.join(near)}" if near else f"there are {every}",
            hint=f"ds-ec2 offers --gpu '{near[0]}'" if near else "ds-ec2 offers --gpu 24GB..",
        )
