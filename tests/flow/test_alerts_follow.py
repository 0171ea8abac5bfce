"""Following the store: exactly once, never ahead of models, whatever is killed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from lxml import etree

from alerts import actions, memory
from alerts.follower import MODELS, Follower
from alerts.lifecycle import Change
from alerts.policy import GRID
from records.clock import ScenarioClock
from records.errors import StoreUnavailable
from records.levels import Hazard, Level, Status
from records.network import Area, Device, Lab, Network, Series, Station
from records.statements import AlertChange, HazardWarning, Phrase
from records.times import HOUR, MINUTE, SECOND, parse, text
from store import clock, incidents, outbox, registry, stages, warnings
from store.connection import Database, connect

START = parse("2026-03-01T00:00:00Z")
ALERT = "lake-outburst-valley-20260301T000100Z"
NETWORK = Network(
    lab=(Lab(id="north", name="Northern lab"),),
    station=(Station(id="lake-1", lab="north", lat=36, lon=74, area="valley"),),
    device=(Device(id="d1", station="lake-1", simulated=True),),
    series=(Series(id="s1", station="lake-1", device="d1", quantity="lake_level", unit="m"),),
    area=(Area(id="valley", lab="north", names={"en": "The valley"}),),
)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connect(dsn, stage="test") as database:
        registry.enrol(database, NETWORK, ScenarioClock(START))
        yield database


def warning(level: Level, at: int) -> HazardWarning:
    return HazardWarning(
        source="lake-outburst/s1",
        detector="lake-outburst",
        version="1",
        hazard=Hazard.LAKE_OUTBURST,
        area="valley",
        level=level,
        stations=("lake-1",),
        simulated=True,
        decided_at=at,
        reason=Phrase(text="because"),
        onset_at=at + HOUR,
    )


def models_say(db: Database, said: list[HazardWarning], through_at: int) -> None:
    with db.transaction():
        warnings.append(db, said)
        stages.save_progress(db, MODELS, through_at, {}, b"")


def told(changes: list[AlertChange]) -> list[tuple[str, Level, Status]]:
    return [(change.change, change.level, change.status) for change in changes]


def test_live_a_warning_counts_at_the_moment_that_decided_it(db: Database) -> None:
    follower = Follower(db, ScenarioClock(START + 62 * SECOND), scenario=False)
    models_say(db, [warning(Level.ORANGE, START + MINUTE + 5)], START + 62 * SECOND)
    changes = follower.step()
    assert told(changes) == [(Change.RAISED, Level.ORANGE, Status.EXERCISE)]
    assert changes[0].at == START + MINUTE + 5
    assert changes == incidents.all_changes(db)
    assert follower.step() == []


@pytest.mark.promise("R5")
def test_live_no_timer_runs_while_models_are_dead(db: Database) -> None:
    wall = ScenarioClock(START + 2 * MINUTE)
    follower = Follower(db, wall, scenario=False)
    said = [warning(Level.ORANGE, START + MINUTE), warning(Level.GREEN, START + 2 * MINUTE)]
    models_say(db, said, START + 2 * MINUTE)
    assert told(follower.step()) == [(Change.RAISED, Level.ORANGE, Status.EXERCISE)]
    wall.advance(START + 10 * HOUR)
    assert follower.step() == []
    models_say(db, [], START + 10 * HOUR)
    assert told(follower.step()) == [(Change.CLEARED, Level.GREEN, Status.EXERCISE)]


def test_a_replay_waits_for_models_and_for_the_clock(db: Database) -> None:
    follower = Follower(db, ScenarioClock(START + 999 * HOUR), scenario=True)
    clock.set_scenario(db, START + MINUTE)
    warnings.append(db, [warning(Level.ORANGE, START + MINUTE)])
    assert follower.step() == []
    models_say(db, [warning(Level.RED, START + 2 * MINUTE)], START + MINUTE)
    assert told(follower.step()) == [(Change.RAISED, Level.ORANGE, Status.TEST)]
    progress = stages.progress(db, memory.NAME)
    assert progress is not None
    assert (progress.through_at, progress.positions) == (
        START + MINUTE,
        {"warning": 1, "action": 0},
    )
    clock.set_scenario(db, START + 2 * MINUTE)
    models_say(db, [], START + 2 * MINUTE)
    assert told(follower.step()) == [(Change.ESCALATED, Level.RED, Status.TEST)]


@pytest.mark.promise("R4")
def test_a_killed_stage_goes_on_with_the_same_lines(db: Database) -> None:
    levels = [
        Level.YELLOW,
        Level.RED,
        Level.GREY,
        Level.ORANGE,
        Level.GREEN,
        Level.RED,
        Level.GREEN,
    ]
    said = [warning(level, START + (n + 1) * 7 * MINUTE) for n, level in enumerate(levels)]
    whole = Follower(db, ScenarioClock(START), scenario=True).alerting
    expected = whole.advance(said, [], START + 3 * HOUR)
    for end in range(START + 5 * MINUTE, START + 3 * HOUR + 1, 5 * MINUTE):
        clock.set_scenario(db, end)
        models_say(db, [w for w in said if end - 5 * MINUTE < w.decided_at <= end], end)
        Follower(db, ScenarioClock(START), scenario=True).step()
    assert incidents.all_changes(db) == expected
    assert memory.recall(db, NETWORK, scenario=True)[0].save() == whole.save()


def test_each_change_is_put_into_the_outbox_for_each_channel(db: Database) -> None:
    follower = Follower(db, ScenarioClock(START), scenario=False)
    models_say(db, [warning(Level.RED, START + MINUTE)], START + MINUTE)
    follower.step()
    put = outbox.pending(db, START)
    assert [(m.channel, m.topic, m.retain, m.alert) for m in put] == [
        ("log", "alerts", False, ALERT),
        ("mqtt", "hoshyar/v1/north/alerts/cap", False, ALERT),
        ("mqtt", "hoshyar/v1/north/alerts/valley/lake-outburst", True, ALERT),
    ]
    assert etree.fromstring(put[1].payload).findtext("{*}identifier") == f"{ALERT}.1"
    assert msgspec.json.decode(put[2].payload) == {
        "hazard": "lake-outburst",
        "area": "valley",
        "changed_at": text(START + MINUTE),
        "incidents": [
            {
                **msgspec.json.decode(put[0].payload),
                "blind": False,
                "onset_at": text(START + MINUTE + HOUR),
            }
        ],
    }


@pytest.mark.promise("R7")
def test_a_decision_that_was_not_committed_is_made_again(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_say(db, [warning(Level.RED, START + MINUTE)], START + MINUTE)

    def fails(*_: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(memory, "keep", fails)
        follower = Follower(db, ScenarioClock(START), scenario=False)
        with pytest.raises(StoreUnavailable, match="gone"):
            follower.step()
    assert incidents.all_changes(db) == []
    assert outbox.pending(db, START) == []
    assert len(Follower(db, ScenarioClock(START), scenario=False).step()) == 1


def test_people_act_through_the_store_and_are_told_why_not(db: Database) -> None:
    wall = ScenarioClock(START + 2 * MINUTE)
    follower = Follower(db, wall, scenario=False)
    said = [warning(Level.RED, START + MINUTE), warning(Level.GREEN, START + 2 * MINUTE)]
    models_say(db, said, START + 2 * MINUTE)
    follower.step()
    actions.acknowledge(db, ALERT, " Ayesha ", wall=wall)
    follower.step()
    for kind, alert, person, note, why in [
        (actions.acknowledge, ALERT, "Ayesha", "", "acknowledged already"),
        (actions.acknowledge, "flood-9", "Ayesha", "", "no open alert flood-9"),
        (actions.acknowledge, ALERT, "  ", "", "Say who you are"),
        (actions.add_note, ALERT, "Ayesha", " ", "The note is empty"),
        (actions.add_note, ALERT, "Ayesha", "x" * 2001, "too long"),
        (actions.all_clear, ALERT, "Ayesha", "", "needs a note"),
    ]:
        with pytest.raises(actions.Refused, match=why):
            kind(db, alert, person, note, wall)
    actions.all_clear(db, ALERT, "Ayesha", "the river is low", wall=wall)
    follower.step()
    with pytest.raises(actions.Refused, match="another person"):
        actions.all_clear(db, ALERT, "ayesha", wall=wall)
    wall.advance(START + 2 * MINUTE + GRID)
    actions.all_clear(db, ALERT, "Li Wei", wall=wall)
    follower.step()
    changes = incidents.history(db, ALERT)
    assert [(c.change, c.person, c.note) for c in changes[1:]] == [
        (Change.ACKNOWLEDGED, "Ayesha", ""),
        (Change.PROPOSED, "Ayesha", "the river is low"),
        (Change.CLEARED, "Li Wei", ""),
    ]
    assert incidents.current(db) == []


def test_what_is_unwatched_can_be_read_by_the_desk(db: Database) -> None:
    follower = Follower(db, ScenarioClock(START), scenario=False)
    models_say(db, [warning(Level.GREY, START + MINUTE)], START + MINUTE)
    assert follower.step() == []
    assert [(u.source, u.area, u.since_at) for u in memory.unwatched(db)] == [
        ("lake-outburst/s1", "valley", START + MINUTE)
    ]


def test_a_changed_registry_is_taken_up(db: Database) -> None:
    follower = Follower(db, ScenarioClock(START), scenario=False)
    named = Area(id="valley", lab="north", names={"en": "Hunza"})
    registry.enrol(db, msgspec.structs.replace(NETWORK, area=(named,)), ScenarioClock(START))
    models_say(db, [warning(Level.RED, START + MINUTE)], START + MINUTE)
    follower.step()
    cap = etree.fromstring(outbox.pending(db, START)[1].payload)
    assert cap.findtext("{*}info/{*}area/{*}areaDesc") == "Hunza"
