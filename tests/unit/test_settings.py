"""Settings: read once, refused where they are unsafe, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Asok, Settings
from asok.errors import ConfigurationError
from asok.scaffold import fresh_key
from asok.settings import LOCAL_HOSTS, development_key, read_dotenv

GOOD = "v7Jq2mXw9RkT4bNc8LzHs1DyFg6PaEuO"


def test_production_without_a_key_starts_nothing_and_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"SECRET_KEY .* `asok keys new`"):
        Settings.read(tmp_path, {})


@pytest.mark.parametrize(
    "key",
    [
        *("short", "a" * 64, "ab" * 32, "0123456789-xxxxxxxx-xxxxxxxx-abcdef"),
        *("change-me-please-0123456789-abcdefghij", "my-secret-key-0123456789-abcdefghijk"),
    ],
)
def test_a_short_uniform_or_placeholder_key_is_refused_in_production(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigurationError, match="asok keys new"):
        Settings.read(tmp_path, {"SECRET_KEY": key})


def test_one_weak_key_spoils_the_ring_and_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="signing key 2"):
        Settings.read(tmp_path, {"ASOK_KEYS": f"{GOOD},weak"})


def test_a_refused_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read(tmp_path, {"SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_every_key_that_the_command_line_makes_is_good(tmp_path: Path) -> None:
    for _ in range(300):
        assert Settings.read(tmp_path, {"SECRET_KEY": fresh_key()}).keys


@pytest.mark.parametrize("key", ["FL_fSXCN_OlA9YckxXXXL1BVYddN7BO_4rjuJfszvX0", "v7Jq2mXw9RkT4bNc8xxxxLzHs1DyFg6P"])
def test_a_random_key_may_have_four_of_one_letter_in_a_row(tmp_path: Path, key: str) -> None:
    assert Settings.read(tmp_path, {"SECRET_KEY": key}).keys == (key,)


def test_the_development_key_is_the_projects_own_and_survives_a_restart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, again, other = (Settings.read(tmp_path / name, {"DEBUG": "true"}).keys for name in "aab")
    assert first == again != other
    assert first


def test_the_development_key_is_refused_in_production(tmp_path: Path) -> None:
    known = Settings.read(tmp_path, {"DEBUG": "true"}).keys[0]
    with pytest.raises(ConfigurationError):
        Settings.read(tmp_path, {"SECRET_KEY": known})


def test_debug_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert not Settings.read(tmp_path, {"SECRET_KEY": GOOD}).debug
    assert not Settings.read(tmp_path, {"SECRET_KEY": GOOD, "DEBUG": "false"}).debug
    assert Settings.read(tmp_path, {"DEBUG": "True"}).debug


def test_keys_are_never_in_a_repr(tmp_path: Path) -> None:
    assert GOOD not in repr(Settings.read(tmp_path, {"SECRET_KEY": GOOD}))


def test_only_local_names_are_answered_by_default(tmp_path: Path) -> None:
    assert Settings.read(tmp_path, {"SECRET_KEY": GOOD}).hosts == LOCAL_HOSTS


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SECRET_KEY={GOOD}\nASOK_HOSTS=file.test\n")
    assert Settings.read(tmp_path, {"ASOK_HOSTS": "a.test, b.test"}).hosts == ("a.test", "b.test")


def test_the_development_key_signs_for_local_hosts_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.test; set SECRET_KEY"):
        Settings.read(tmp_path, {"DEBUG": "true", "ASOK_HOSTS": "localhost, shop.test"})
    assert Settings.read(tmp_path, {"DEBUG": "true", "ASOK_HOSTS": "demo.localhost"}).keys
    assert Settings.read(tmp_path, {"DEBUG": "true", "ASOK_HOSTS": "shop.test", "SECRET_KEY": GOOD}).keys == (GOOD,)


def test_a_dotenv_may_hold_comments_exports_and_quotes(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# note=1\n\nexport A=1\nB = 'two words'\nC=\"x=y\"\nnothing\n")
    assert read_dotenv(file) == {"A": "1", "B": "two words", "C": "x=y"}


def test_a_dotenv_of_an_editor_on_windows_is_read_from_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbfSECRET_KEY=abc\r\nDEBUG=true\r\n")
    assert read_dotenv(file) == {"SECRET_KEY": "abc", "DEBUG": "true"}


def test_a_dotenv_that_is_not_utf_8_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("SECRET_KEY=abc".encode("utf-16"))
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8; save it again"):
        read_dotenv(file)


@pytest.mark.parametrize("host", ["https://shop.test", "shop.test/", "shop.test:8000", "shop test"])
def test_a_host_that_no_browser_names_is_refused_at_the_start(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name of a host; write it"):
        Settings.read(tmp_path, {"SECRET_KEY": GOOD, "ASOK_HOSTS": f"localhost, {host}"})


@pytest.mark.parametrize(
    "origin",
    [
        "shop.test", "https://shop.test/", "https://shop.test/basket", "*", "https://*.shop.test", "wss://shop.test",
        "https://shop.test:", "https://shop.test:x", "https://[::1",
    ],
)  # fmt: skip
def test_an_origin_that_no_browser_names_is_refused_at_the_start(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ConfigurationError, match="is no origin; write scheme and host"):
        Settings.read(tmp_path, {"SECRET_KEY": GOOD, "ASOK_ORIGINS": origin})


@pytest.mark.parametrize("host", ["*", "*.shop.test", "my_shop", "[::1]", "10.0.0.7", "münchen.test"])
def test_names_addresses_and_stars_are_hosts(tmp_path: Path, host: str) -> None:
    assert Settings.read(tmp_path, {"SECRET_KEY": GOOD, "ASOK_HOSTS": host}).hosts == (host,)


@given(st.text())
def test_no_dotenv_breaks_the_start_or_hides_a_line_that_follows(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_text(f"{text}\nDEBUG=true\n", "utf-8", "replace")
        assert read_dotenv(file)["DEBUG"] == "true"


@pytest.mark.parametrize("live", ["live", "/live/", "", "/"])
def test_an_endpoint_that_is_no_path_is_refused(tmp_path: Path, live: str) -> None:
    with pytest.raises(ConfigurationError, match="/live"):
        Settings(tmp_path, keys=(GOOD,), live=live)


@pytest.mark.parametrize(
    "written", ["postgres://ann:hunter2@db", "sqlite:///data/sessions.db", "file:sessions.db", "~/sessions.db"]
)
def test_a_database_that_is_no_path_is_refused_in_words(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the path of an SQLite file as it is") as refused:
        Asok(settings=Settings(tmp_path, keys=(GOOD,), database=written))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://:hunter2@db/0", "rediss://db:6380", "unix:///run/redis.sock?db=1"])
def test_the_url_of_a_redis_is_kept_and_not_shown(tmp_path: Path, url: str) -> None:
    settings = Settings.read(tmp_path, {"SECRET_KEY": GOOD, "ASOK_REDIS": url})
    assert settings.redis == url
    assert url not in repr(settings)


@pytest.mark.parametrize("url", ["hunter2@db", "http://hunter2@db", "redis:hunter2", " redis://hunter2@db"])
def test_what_is_no_url_of_a_redis_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis://, rediss://, unix://") as refused:
        Settings.read(tmp_path, {"SECRET_KEY": GOOD, "ASOK_REDIS": url})
    assert "hunter2" not in str(refused.value)


def test_a_redis_in_the_wrong_setting_is_told_the_right_one_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ASOK_REDIS") as refused:
        Asok(settings=Settings(tmp_path, keys=(GOOD,), database="redis://:hunter2@db"))
    assert "hunter2" not in str(refused.value)


def test_settings_made_by_hand_for_development_need_no_key(tmp_path: Path) -> None:
    assert Settings(tmp_path, debug=True).keys == Settings.read(tmp_path, {"DEBUG": "true"}).keys


def test_settings_made_by_hand_keep_sessions_where_read_ones_do(tmp_path: Path) -> None:
    assert Settings(tmp_path, keys=(GOOD,)).database == Settings.read(tmp_path, {"SECRET_KEY": GOOD}).database


def test_a_dotenv_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".env").touch()
    monkeypatch.setattr(Path, "read_text", refuse)  # root may read any file
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read: Permission denied; let the user who runs"):
        read_dotenv(tmp_path / ".env")


def test_a_folder_whose_name_is_no_text_has_a_development_key(tmp_path: Path) -> None:
    assert development_key(tmp_path / "\udcff") != development_key(tmp_path / "\udcfe")
