"""Which shard a device is of, and how workers come to even shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.homes import Homes
from ingest.lanes import Lanes, filters, strays
from ingest.shards import SHARDS, Moves, Silence, moves, shard_of
from records.foreign import Feed, Reading
from records.network import Device, Lab, Network, Station
from records.settings import Settings
from store.registry import Registry

EVENTS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30)


def test_a_devices_shard_is_the_same_in_every_process_for_ever() -> None:
    assert [shard_of(d) for d in ("gauge-1", "gauge-2", "tide-1", "rig-99")] == [5, 11, 2, 9]


def test_a_thousand_devices_are_spread_over_all_shards() -> None:
    counts = [0] * SHARDS
    for number in range(1000):
        counts[shard_of(f"rig-{number}")] += 1
    assert min(counts) > 40
    assert max(counts) < 90


def step(members: set[int], owners: dict[int, int]) -> int:
    """Every worker looks once, one after the other; how many shards changed hands."""
    moved = 0
    for me in sorted(members):
        plan = moves(me, members, owners)
        for shard in plan.give:
            del owners[shard]
        for shard in [s for s in plan.free if s not in owners][: plan.want]:
            owners[shard] = me
            moved += 1
    return moved


@given(EVENTS)
def test_whoever_comes_or_goes_the_shares_are_soon_even_and_then_rest(
    events: list[tuple[int, bool]],
) -> None:
    members, owners = {0}, dict.fromkeys(range(SHARDS), 0)
    for worker, comes in events:
        if comes:
            members.add(worker)
        elif members != {worker}:
            members.discard(worker)
            owners = {s: w for s, w in owners.items() if w != worker}
        for _ in range(3):
            step(members, owners)
        counts = [list(owners.values()).count(member) for member in members]
        assert sorted(owners) == list(range(SHARDS))
        assert max(counts) - min(counts) <= 1
        assert step(members, owners) == 0


def test_nothing_moves_that_need_not() -> None:
    owners = dict.fromkeys(range(8), 1) | dict.fromkeys(range(8, 16), 2)
    assert moves(1, {1, 2, 3}, owners) == Moves((6, 7), 0, ())
    assert moves(2, {1, 2, 3}, owners) == Moves((13, 14, 15), 0, ())
    assert moves(3, {1, 2, 3}, owners) == Moves((), 5, ())
    assert moves(2, {2}, {s: w for s, w in owners.items() if w == 2}) == Moves(
        (), 8, tuple(range(8))
    )


def test_a_worker_hangs_when_its_sign_stays_the_same_and_it_is_not_at_work() -> None:
    silence = Silence(hung_s=10.0)
    assert silence.hung({1: "a", 2: "a", 3: None}, 100.0) == []
    assert silence.hung({1: "a", 2: "b", 3: None}, 109.9) == []
    assert silence.hung({1: "a", 2: "b", 3: None}, 110.0) == [1]
    assert silence.hung({2: "b", 3: "c"}, 119.0) == []
    # It came back: what was before counts no more.
    assert silence.hung({1: "a", 2: "b", 3: "c"}, 120.0) == [2]


def known(*devices: str, feeds: tuple[Feed, ...] = ()) -> Registry:
    return Registry.of(
        Network(
            lab=(Lab(id="north"),),
            station=(Station(id="bank", lab="north", lat=35, lon=74),),
            device=tuple(Device(id=device, station="bank") for device in devices),
            series=(),
        ),
        feeds,
    )


def lanes(*devices: str, feeds: tuple[Feed, ...] = ()) -> Lanes:
    found = Lanes(Settings.read({}))
    found.use(known(*devices, feeds=feeds), 0.0)
    assert found.is_settled(10.0)
    return found


def test_each_message_is_taken_from_one_session_alone() -> None:
    found = lanes("gauge-1", "gauge-2")
    found.open([5])

    def taken(topic: str) -> list[bool]:
        """By the shard's session, by the strays'."""
        return [not found.ignores(topic, stray) for stray in (False, True)]

    mine = "hoshyar/v1/north/gauge-1/"
    assert [taken(mine + c) for c in ("readings", "waveform")] == [[True, False]] * 2
    assert taken("hoshyar/v1/south/gauge-1/readings") == [True, False]
    # Another worker's, the server's own.
    assert taken("hoshyar/v1/north/gauge-2/readings") == [False, False]
    assert taken(mine + "receipt") == [False, False]
    assert taken("hoshyar/v1/north/alerts/cap") == [False, False]
    for stray in (
        "hoshyar/v1/north/gauge-9/status",
        f"{mine}moods",
        "foo",
        "readings",
        "hoshyar/v7/north/gauge-1/readings",
        "hoshyar/v1/north/G 1/readings",
    ):
        assert taken(stray) == [False, True], stray
    found.close_all()
    assert taken(mine + "readings") == [False, False]


def test_a_new_device_is_taken_from_the_strays_until_its_own_filter_stands() -> None:
    found = lanes("gauge-2")
    found.open([5, 11])
    found.use(known("gauge-1", "gauge-2"), 100.0)
    topics = [f"hoshyar/v1/north/gauge-{n}/readings" for n in (1, 2)]
    assert [found.ignores(topic, True) for topic in topics] == [False, True]
    assert not found.is_settled(101.9)
    assert found.is_settled(102.0)
    assert [found.ignores(topic, True) for topic in topics] == [True, True]
    assert not found.is_settled(103.0)


def test_a_shards_owner_has_two_sessions_and_that_of_the_first_the_strays() -> None:
    found = lanes("gauge-1")
    found.open([0, 5])
    assert [(lane.shard, lane.channels) for lane in found] == [
        (0, ("readings", "status", "reply", "waveform")),
        (0, ("backlog",)),
        (5, ("readings", "status", "reply", "waveform")),
        (5, ("backlog",)),
        (None, ()),
    ]
    assert found.live("gauge-1") is [lane.session for lane in found][2]
    found.close([0])
    assert [lane.shard for lane in found] == [5, 5]
    assert filters(["a", "b"], ("readings",)) == [
        "hoshyar/v1/+/a/readings",
        "hoshyar/v1/+/b/readings",
    ]


def test_strays_are_looked_for_everywhere_only_where_everything_is_ours() -> None:
    def asked(**variables: str) -> tuple[str, ...]:
        return strays(Settings.read({f"HOSHYAR_{name}": text for name, text in variables.items()}))

    assert asked(BROKER_PORT="2883") == ("#",)
    assert asked(BROKER_PORT="2883", BROKER="mqtt://127.0.0.1:2883") == ("#",)
    shapes = ("hoshyar/+", "hoshyar/+/+", "hoshyar/v1/+/+", "hoshyar/v1/+/+/+/+/#")
    assert asked(BROKER="mqtt://broker.example:1883") == ("hoshyar/+/+/+/+", *shapes)
    channels = ("readings", "status", "reply", "waveform", "backlog")
    assert asked(BROKER="mqtt://broker.example:1883", BROKER_USER="ingest") == (
        *(f"hoshyar/+/+/+/{channel}" for channel in channels),
        *shapes,
    )


STAGE = (Reading(field="cm", quantity="stage", unit="cm"),)
NAMED = Feed(
    name="farm", topic="farm/{device}/up", format="flat-json", readings=STAGE,
    devices={"F 2": "gauge-2"},
)  # fmt: skip
LISTED = Feed(
    name="logger", topic="logger/out", format="flat-json", device_field="id", readings=STAGE,
    devices={"L-7": "gauge-1", "L-8": "tide-1"},
)  # fmt: skip
NODE = Feed(
    name="slope", topic="spBv1.0/valley/#", format="sparkplug-b", readings=STAGE,
    devices={"n1": "tide-1", "n1/probe": "rig-99"},
)  # fmt: skip
ALONE = Feed(
    name="alone", topic="alone/#", format="openeew", device="gauge-2",
)  # fmt: skip


def test_devices_that_can_only_be_read_together_are_at_home_together() -> None:
    devices = ("gauge-1", "gauge-2", "tide-1", "rig-99", "rig-1")
    homes = Homes(known(*devices, feeds=(NAMED, LISTED, NODE, ALONE)))
    together = shard_of("logger")
    assert [homes.of(d) for d in devices] == [
        together, shard_of("gauge-2"), together, together, shard_of("rig-1"),
    ]  # fmt: skip
    assert [homes.of_feed(feed) for feed in (NAMED, LISTED, NODE, ALONE)] == [
        None, together, together, shard_of("gauge-2"),
    ]  # fmt: skip
    apart = Homes(known(*devices, feeds=(NODE,)))
    assert [apart.of(d) for d in ("gauge-1", "tide-1")] == [5, shard_of("slope")]


def test_whatever_a_device_speaks_one_worker_alone_takes_it() -> None:
    """Two workers that share all shards; each topic of each device is taken once, by its owner."""
    devices = ("gauge-1", "gauge-2", "tide-1", "rig-99", "rig-1")
    feeds = (NAMED, LISTED, NODE, ALONE)
    homes = Homes(known(*devices, feeds=feeds))
    first, second = lanes(*devices, feeds=feeds), lanes(*devices, feeds=feeds)
    shards = [range(0, SHARDS, 2), range(1, SHARDS, 2)]
    for worker, own in zip((first, second), shards, strict=True):
        worker.open(own)

    def takers(topic: str) -> list[int]:
        """Of which worker some session takes it, twice where two do."""
        return [
            place
            for place, worker in enumerate((first, second))
            for stray in (False, True)
            if not worker.ignores(topic, stray)
            and (not stray or any(lane.shard is None for lane in worker))
        ]

    topics = {
        "gauge-1": ["hoshyar/v1/north/gauge-1/readings", "farm/gauge-1/up", "logger/out"],
        "gauge-2": ["hoshyar/v1/north/gauge-2/status", "farm/F 2/up", "alone/x"],
        "tide-1": ["hoshyar/v1/north/tide-1/backlog", "farm/tide-1/up", "spBv1.0/valley/NDATA/n1"],
        "rig-99": ["hoshyar/v1/north/rig-99/waveform", "spBv1.0/valley/DDATA/n1/probe"],
        "rig-1": ["hoshyar/v1/north/rig-1/readings", "farm/rig-1/up"],
    }
    for device, said in topics.items():
        owner = homes.of(device) % 2
        assert [takers(topic) for topic in said] == [[owner]] * len(said), device
    # Nobody's: for whoever has the strays.
    assert takers("farm/stranger/up") == [0]
    asked = {one for worker in (first, second) for lane in worker for one in lane.session.filters}
    assert {"farm/gauge-1/up", "farm/F 2/up", "logger/out", "alone/#"} <= asked
    first.close_all()
    second.close_all()
