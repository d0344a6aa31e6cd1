"""Write the catalogue's data into the package, from moto's data; --check says if they are up to date.

It stands here and not in a package: it is run when ds-ec2 is built, and needs moto, which ds-ec2 itself does
not install. Prices are not made here: they are figures, in src/ds_ec2/catalog/data/prices-us-east-1.json.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ds_ec2.aws.instance_types import instance_type_of
from ds_ec2.catalog.embedded import DIGITS, NOT_SOLD
from ds_ec2.catalog.rows import FIELDS, FLAGS, to_row

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT / "src" / "ds_ec2" / "catalog" / "data"
CORRECTIONS: Final = Path(__file__).with_name("catalogue_corrections.json")
LICENCE: Final = (
    "Apache-2.0 (github.com/getmoto/moto); changed: chosen fields alone, in another form, corrected"
)


def read(name: str) -> Any:
    """Return one of moto's compressed JSON files."""
    return json.loads(gzip.decompress(files("moto.ec2").joinpath("resources", name).read_bytes()))


def corrected() -> tuple[dict[str, Any], dict[str, dict[str, list[str]]]]:
    """Return types by name, as DescribeInstanceTypes tells them, and region to type to zones."""
    types = read("instance_types.json.gz")
    sold: dict[str, dict[str, list[str]]] = {}
    folder = files("moto.ec2").joinpath("resources", "instance_type_offerings", "availability-zone")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        region = file.name.partition(".")[0]
        zones = sold.setdefault(region, {})
        for item in json.loads(gzip.decompress(file.read_bytes())):
            zones.setdefault(item["InstanceType"], []).append(item["Location"])
    for correction in json.loads(CORRECTIONS.read_text(encoding="utf-8")):
        name = correction["type"]
        types[name] = types.get(name, {}) | {"InstanceType": name} | correction["members"]
        for zone in correction.get("zones", ()):
            sold[zone[:-1]].setdefault(name, []).append(zone)
    return types, sold


def types_file(types: dict[str, Any]) -> str:
    """Return types.json: one line a type."""
    head = {
        "source": f"moto {version('moto')}, moto/ec2/resources/instance_types.json.gz",
        "licence": LICENCE,
        "corrections": "scripts/catalogue_corrections.json, each with its source",
        "fields": FIELDS,
        "flags": FLAGS,
    }
    rows = [
        json.dumps(to_row(instance_type_of(types[name])), separators=(",", ":")) for name in sorted(types)
    ]
    return _lines(head, "types", rows, "[]")


def offerings_file(names: list[str], sold: dict[str, dict[str, list[str]]]) -> str:
    """Return offerings.json: one line a region, one character a type."""
    head = {
        "source": f"moto {version('moto')}, moto/ec2/resources/instance_type_offerings",
        "licence": LICENCE,
        "legend": "sold: for each type of types.json, in its order, which of the sets of zones sells it;"
        " the digits are 0-9, a-z, A-Z, and a dot says that the region does not sell it",
    }
    lines = []
    for region, zones in sold.items():
        sets = {name: "".join(sorted(zone[len(region) :] for zone in zones[name])) for name in zones}
        order = [
            letters for letters, _ in sorted(Counter(sets.values()).items(), key=lambda c: (-c[1], c[0]))
        ]
        line = "".join(DIGITS[order.index(sets[name])] if name in sets else NOT_SOLD for name in names)
        value = json.dumps({"sets": order, "sold": line}, separators=(",", ":"))
        lines.append(f'"{region}":{value}')
    return _lines(head, "regions", lines, "{}")


def _lines(head: dict[str, Any], key: str, lines: list[str], brackets: str) -> str:
    start = json.dumps(head, indent=1)[:-2]
    body = ",\n".join(lines)
    return f'{start},\n "{key}": {brackets[0]}\n{body}\n{brackets[1]}\n}}\n'


def main() -> int:
    """Write the files, or compare them."""
    types, sold = corrected()
    wanted = {
        DATA / "types.json": types_file(types),
        DATA / "offerings.json": offerings_file(sorted(types), sold),
    }
    if "--check" in sys.argv:
        return 0 if all(p.exists() and p.read_text(encoding="utf-8") == t for p, t in wanted.items()) else 1
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
