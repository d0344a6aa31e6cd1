from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_ec2.errors import UsageError
from ds_ec2.model.environment import DocumentKind
from ds_ec2.operations.archives import key_of, pack, value_of
from ds_ec2.operations.documents import read_document
from ds_ec2.operations.pythons import accepted
from ds_ec2_machine import document as machines

NAMES = st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=12).filter(lambda n: n.strip(".") != "")
FILES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=200), min_size=1, max_size=5
)
PROJECT = (
    '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.11,<3.13"\ndependencies = ["numpy"]\n'
)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:xz") as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr] # all are files


@given(FILES)
def test_files_come_out_as_they_went_in_and_the_same_files_make_the_same_bytes(
    files: dict[str, bytes],
) -> None:
    pairs = list(files.items())
    archive = pack(tuple(pairs))
    assert unpacked(archive) == files
    assert pack(tuple(reversed(pairs))) == archive


@given(FILES)
def test_the_machine_unpacks_what_the_laptop_packs(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    if any(name != other and other.startswith(f"{name}/") for name in files for other in files):
        return  # a file cannot be a folder too
    folder = tmp_path_factory.mktemp("files")
    machines._extract(pack(tuple(files.items())), folder)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == files


def test_a_list_travels_as_text(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("numpy\n# why\npandas[sql]>=2 ; python_version > '3.9'\n")
    document = read_document(path)
    assert (document.kind, document.text) == (DocumentKind.REQUIREMENTS, path.read_text())
    assert value_of(document, "stack") == document.text
    assert machines.parse(document.text).sha256 == document.sha256


@pytest.mark.parametrize("words", ["numpy polars>=1", ["numpy", "polars>=1"], ("numpy", "polars>=1")])
def test_names_are_a_list(words: str | list[str]) -> None:
    document = read_document(words)
    assert document.text == "numpy\npolars>=1\n"
    assert document.source == "the command line"


def test_nothing_is_the_list_that_comes_with_ds_ec2() -> None:
    assert "torch" in read_document(None).text.split()


def test_the_lists_that_a_list_names_come_along_under_their_names(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    main = tmp_path / "lists" / "dev.txt"
    main.write_text("-r base.txt\n--constraint=../pins.txt\npytest\n")
    (tmp_path / "lists" / "base.txt").write_text("numpy\n-r dev.txt\n")  # round and round
    (tmp_path / "pins.txt").write_text("numpy<3\n")
    document = read_document(main)
    assert document.text == ""
    assert (document.main, [name for name, _ in document.files]) == (
        "lists/dev.txt", ["lists/base.txt", "lists/dev.txt", "pins.txt"],
    )  # fmt: skip
    told = machines.parse(value_of(document, "ds-ec2-ana-work"))
    assert (told.kind, told.sha256, told.main) == ("requirements", document.sha256, document.main)
    assert told.key == key_of(document, "ds-ec2-ana-work")
    assert told.key.startswith("ds-ec2-ana-work/environment/")


def test_where_the_files_lie_does_not_change_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = set()
    for folder in (tmp_path / "one", tmp_path / "two" / "deep"):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("-r b.txt\n")
        (folder / "b.txt").write_text("numpy\n")
        hashes.add(read_document(folder / "a.txt").sha256)
    monkeypatch.chdir(tmp_path / "one")
    hashes.add(read_document("a.txt").sha256)
    os.utime("b.txt", (1, 1))
    hashes.add(read_document(Path("a.txt")).sha256)
    assert len(hashes) == 1


def test_a_long_list_travels_as_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "locked.txt"
    path.write_text("".join(f"package-{n}==1 --hash=sha256:{n:064x}\n" for n in range(200)))
    document = read_document(path)
    assert document.text == ""
    assert unpacked(document.archive) == {"locked.txt": path.read_bytes()}
    assert len(value_of(document, "s" * 60)) < 4096


@pytest.mark.parametrize("name", [".", "pyproject.toml", "uv.lock"])
def test_a_project_is_its_folder_and_its_lock(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "requirements.txt").write_text("not this\n")
    monkeypatch.chdir(tmp_path)
    document = read_document(name)
    assert (document.kind, document.main) == (DocumentKind.PYPROJECT, "pyproject.toml")
    assert [file for file, _ in document.files] == ["pyproject.toml", "uv.lock"]
    assert document.pythons == ("3.11", "3.12")
    (tmp_path / ".python-version").write_text("3.12.4\n")
    assert read_document(name).pythons == ("3.12",)


def test_an_environment_yml_brings_the_lists_of_its_pip_part(tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("dependencies:\n  - python=3.12\n  - pip:\n      - -r pip.txt\n")
    (tmp_path / "pip.txt").write_text("numpy\n")
    document = read_document(str(path))
    assert (document.kind, len(document.files)) == (DocumentKind.CONDA, 2)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pyproject.toml", "[project", "no TOML"),
        ("pyproject.toml", "[tool.x]\n", r"no \[project\]"),
        ("pyproject.toml", '[project]\ndynamic = ["dependencies"]\n', "does not list"),
        ("pyproject.toml", '[project]\nrequires-python = "snake"\n', "not understood"),
        ("pyproject.toml", '[project]\nrequires-python = ">3.20"\n', "no Python"),
        ("environment.yml", "name: x\n", "no dependencies"),
        ("list.txt", "-r /etc/passwd\n", "names /etc/passwd"),
        ("list.txt", "-r gone.txt\n", "gone.txt does not exist"),
        ("list.txt", "-r bad.txt\n", "bad.txt, line 2"),
        ("list.txt", "-e .\n", "file of this computer"),
    ],
)
def test_what_cannot_travel_is_told(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / "bad.txt").write_text("numpy\n$(id)\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        read_document(tmp_path / name)


def test_an_empty_folder_holds_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no environment"):
        read_document(tmp_path)
    with pytest.raises(UsageError, match=r"none\.txt does not exist"):
        read_document("none.txt")


@pytest.mark.parametrize(
    ("specifier", "versions"),
    [
        ("", ()),
        (">=3.8", ()),
        (">=3", ()),
        (">=2.7, !=3.0.*, <4", ()),
        (">=3.11", ("3.11", "3.12", "3.13", "3.14", "3.15")),
        (">=3.11.4,<3.13", ("3.11", "3.12")),
        ("<3.13.1,>3.12", ("3.13",)),
        ("<3.13.1,>3.12.0", ("3.12", "3.13")),
        ("==3.12.*", ("3.12",)),
        ("==3.12.4", ("3.12",)),
        ("~=3.13", ("3.13", "3.14", "3.15")),
        ("~=3.13.1", ("3.13",)),
        (">=3.12,!=3.13.*,!=3.14.0,<=3.14", ("3.12", "3.14")),
    ],
)
def test_versions_of_python(specifier: str, versions: tuple[str, ...]) -> None:
    assert accepted(specifier, "file") == versions


def test_a_reference_is_one_line_of_json() -> None:
    document = read_document(Path(__file__).parents[3] / "pyproject.toml")
    value = value_of(document, "stack")
    assert "\n" not in value
    assert set(json.loads(value)) == {"kind", "key", "sha256", "main", "python"}
