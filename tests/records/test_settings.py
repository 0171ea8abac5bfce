from __future__ import annotations

import pytest

from records.errors import SettingsError
from records.settings import SCENARIOS, Secret, Settings


def test_no_variables_give_the_defaults() -> None:
    settings = Settings.read({})
    assert (settings.broker, settings.broker_port, settings.ui_host) == (None, 18830, "127.0.0.1")
    assert not settings.dsn


def test_every_bad_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"HOSHYAR_UI_PORT": "99999", "HOSHYAR_CLOCK": "sundial", "HOSHYAR_PORT": "1"})
    text = str(caught.value)
    assert "HOSHYAR_UI_PORT='99999'" in text
    assert "HOSHYAR_CLOCK='sundial'" in text
    assert "HOSHYAR_PORT is not a setting" in text
    assert "\n" not in text


@pytest.mark.parametrize("variable", ["HOSHYAR_SEED", "HOSHYAR_UI_PORT", "HOSHYAR_WORKER"])
def test_a_word_for_a_number_is_said_in_plain_words(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable}='many': give a whole number from"):
        Settings.read({variable: "many"})


def test_an_unknown_scenario_is_refused_with_the_list_of_those_that_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"HOSHYAR_SCENARIO": "flood"})
    assert str(caught.value) == f"HOSHYAR_SCENARIO='flood': give one of {', '.join(SCENARIOS)}"


def test_a_secret_does_not_show_itself() -> None:
    settings = Settings.read({"HOSHYAR_DSN": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in f"{settings.dsn}"
    assert settings.dsn.reveal() == "postgresql://u:hunter2@h/d"
    assert repr(Secret("")) == "Secret()"


@pytest.mark.parametrize("text", ["localhost:1883", "http://h:1", "mqtt://", "mqtt://u:p@h:1"])
def test_a_broker_address_must_be_an_mqtt_url_without_password(text: str) -> None:
    with pytest.raises(SettingsError, match="mqtt://HOST:PORT"):
        Settings.read({"HOSHYAR_BROKER": text})


def test_a_broker_address_has_the_standard_ports() -> None:
    assert str(Settings.read({"HOSHYAR_BROKER": "mqtts://b.example"}).broker) == (
        "mqtts://b.example:8883"
    )
