import pytest

from ds_ec2.errors import UsageError
from ds_ec2.model.names import check_name


@pytest.mark.parametrize("name", ["work", "a", "paper-2", "x" * 30])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("Foo_x", "foo-x"),
        ("x-data", "x"),
        ("x-data-data", "x"),
        ("network", "work"),
        ("9lives", "lives"),
        ("", "work"),
        ("häßlich", "h-lich"),
        ("y" * 31, "y" * 30),
        ("x-", "x"),
    ],
)
def test_another_name_is_refused_with_one_that_would_do(name: str, suggested: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert caught.value.hint == f"ds-ec2 up {suggested}"
    assert check_name(suggested) == suggested
