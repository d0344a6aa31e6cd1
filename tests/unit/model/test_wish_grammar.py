import pytest
from hypothesis import given
from hypothesis import strategies as st

from ds_ec2.errors import UsageError
from ds_ec2.model.wish_grammar import format_gpu, format_range, parse_gpu, parse_range
from ds_ec2.model.wishes import AT_LEAST_ONE, GpuWish, Range

SIDES = st.integers(1, 100_000).map(lambda n: n / 4)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low, high = sorted((draw(SIDES), draw(SIDES)))
    return draw(st.sampled_from([Range(low, high), Range(low), Range(None, high), Range(low, low)]))


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,7}( [A-Za-z0-9]{1,4})?", fullmatch=True)
WISHES = st.builds(
    GpuWish,
    names=st.lists(NAMES, max_size=3).map(tuple),
    memory_gb=st.none() | ranges(),
    count=st.just(AT_LEAST_ONE) | ranges(),
)


@given(ranges(), st.sampled_from(["", "GB"]))
def test_a_range_is_read_as_it_is_written(value: Range, unit: str) -> None:
    assert parse_range(format_range(value, unit), "--memory") == value


@given(WISHES)
def test_a_wish_for_gpus_is_read_as_it_is_written(wish: GpuWish) -> None:
    assert parse_gpu(format_gpu(wish)) == wish


@given(st.text(max_size=20))
def test_any_text_is_a_wish_or_refused(text: str) -> None:
    try:
        wish = parse_gpu(text)
    except UsageError:
        return
    assert parse_gpu(format_gpu(wish)) == wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("A10G", GpuWish(("A10G",))),
        ("24GB..", GpuWish((), Range(24))),
        ("24gb", GpuWish((), Range(24, 24))),
        ("16GB..24GB", GpuWish((), Range(16, 24))),
        ("A100:80GB:2", GpuWish(("A100",), Range(80, 80), Range(2, 2))),
        ("A100-80GB:8", GpuWish(("A100",), Range(80, 80), Range(8, 8))),
        ("L4:1", GpuWish(("L4",), None, Range(1, 1))),
        ("L4:2+", GpuWish(("L4",), None, Range(2))),
        ("A10G,L4", GpuWish(("A10G", "L4"))),
        ("RTX PRO 6000", GpuWish(("RTX PRO 6000",))),
        ("2", GpuWish((), None, Range(2, 2))),
    ],
)
def test_the_grammar_that_people_know(text: str, wish: GpuWish) -> None:
    assert parse_gpu(text) == wish


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", Range(4, 4)),
        ("4+", Range(4)),
        ("4..", Range(4)),
        ("..8", Range(None, 8)),
        ("16..64", Range(16, 64)),
        ("16GB..64GiB", Range(16, 64)),
        ("0.5", Range(0.5, 0.5)),
    ],
)
def test_ranges_that_people_know(text: str, value: Range) -> None:
    assert parse_range(text, "--cpus") == value


@pytest.mark.parametrize("text", ["", "..", "four", "8..4", "-1", "4++", "..0", "1e9"])
def test_what_is_no_range_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError, match="--cpus") as caught:
        parse_range(text, "--cpus")
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", ":", "L4:x", "L4:1:2", "24GB:48GB", "L4:24GB:1:1", "L4,,A10G", "1:L4"])
def test_what_is_no_gpu_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_gpu(text)
    assert caught.value.hint
