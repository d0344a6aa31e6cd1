from collections.abc import Callable
from pathlib import Path

import pytest

from ds_ec2.config.paths import config_file, local_state_dir, state_dir
from ds_ec2.config.settings import Settings, load_settings
from ds_ec2.errors import UsageError
from ds_ec2.model.defaults import DEFAULT_TYPE, WayOut

Write = Callable[..., Settings]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    path = tmp_path / "config.toml"

    def settings(text: str, **variables: str) -> Settings:
        path.write_text(text, encoding="utf-8")
        return load_settings({"DS_EC2_CONFIG": str(path), **variables})

    return settings


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    settings = load_settings({"DS_EC2_CONFIG": str(tmp_path / "none.toml")})
    assert settings.instance_type == DEFAULT_TYPE
    assert settings.idle_minutes == 60
    assert settings.way_out is WayOut.NAT_INSTANCE
    assert settings.owner is None


def test_the_file_is_read(write: Write) -> None:
    settings = write('owner = "ana"\ninstance_type = "g5.xlarge"\nidle_minutes = 30\nway_out = "none"\n')
    assert (settings.owner, settings.instance_type) == ("ana", "g5.xlarge")
    assert (settings.idle_minutes, settings.way_out) == (30, WayOut.NONE)


def test_what_is_busy_and_the_longest_run_can_be_set_for_all_machines(write: Write) -> None:
    settings = write('idle_thresholds = "cpu=0.5, gpu=10"\nmax_minutes = 480')
    assert settings.idle_thresholds == (("cpu", 0.5), ("gpu", 10.0))
    assert settings.max_minutes == 480


def test_the_environment_goes_before_the_file(write: Write) -> None:
    settings = write(
        'region = "eu-west-1"\nidle_minutes = 30', DS_EC2_REGION="us-west-2", DS_EC2_IDLE_MINUTES="0"
    )
    assert (settings.region, settings.idle_minutes) == ("us-west-2", 0)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('owner = "Ana Maria"', "owner", "Ana Maria"),
        ("idle_minutes = -5", "idle_minutes", "-5"),
        ("idle_minutes = true", "idle_minutes", "True"),
        ('data_gib = "many"', "data_gib", "many"),
        ('way_out = "bridge"', "way_out", "bridge"),
        ('idle_thresholds = "tabs=1"', "idle_thresholds", "tabs=1"),
        ("idle_thresholds = 3", "idle_thresholds", "3"),
        ('max_minutes = "8h"', "max_minutes", "8h"),
        ("python = 3.12", "python", "3.12"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_what_is_allowed(
    write: Write, tmp_path: Path, line: str, key: str, value: str
) -> None:
    with pytest.raises(UsageError) as caught:
        write(line)
    assert str(tmp_path / "config.toml") in caught.value.what
    assert key in caught.value.what
    assert value in caught.value.what
    assert caught.value.why.startswith("allowed is")


def test_an_unknown_key_is_refused_with_the_known_ones(write: Write) -> None:
    with pytest.raises(UsageError, match="colour is no setting") as caught:
        write('colour = "red"')
    assert "instance_type" in caught.value.why


def test_a_broken_file_is_named(write: Write) -> None:
    with pytest.raises(UsageError, match=r"config\.toml cannot be read"):
        write("owner = ")


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="DS_EC2_OWNER") as caught:
        load_settings({"DS_EC2_CONFIG": str(tmp_path / "none"), "DS_EC2_OWNER": "a b"})
    assert caught.value.hint == "unset DS_EC2_OWNER"


@pytest.mark.parametrize(
    ("platform", "variables", "state"),
    [
        ("linux", {"XDG_STATE_HOME": "/x/state"}, Path("/x/state/ds-ec2")),
        ("linux", {}, Path.home() / ".local/state/ds-ec2"),
        ("darwin", {"XDG_STATE_HOME": "/x"}, Path.home() / "Library/Application Support/ds-ec2"),
        ("win32", {"LOCALAPPDATA": "/l"}, Path("/l/ds-ec2")),
        ("win32", {"DS_EC2_STATE": "/named"}, Path("/named")),
    ],
)
def test_state_is_kept_where_the_system_keeps_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], state: Path
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert state_dir(variables) == state
    assert local_state_dir(variables) == state / "local"


def test_settings_are_kept_where_the_system_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert config_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/ds-ec2/config.toml")
    monkeypatch.setattr("sys.platform", "win32")
    assert config_file({"APPDATA": "/a"}) == Path("/a/ds-ec2/config.toml")
