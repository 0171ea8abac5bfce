"""What an operator may write into the table of feeds, and what is said of what can't be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from records.errors import InputError
from records.foreign import Feed, check_all, described, matched

FLAT: dict[str, Any] = {
    "name": "farm",
    "topic": "farm/{device}/up",
    "format": "flat-json",
    "readings": [{"field": "cm", "quantity": "stage", "unit": "cm"}],
}
SPARKPLUG = {**FLAT, "topic": "spBv1.0/valley/#", "format": "sparkplug-b"}
OPENEEW = {"name": "q", "topic": "q/+", "format": "openeew"}


def feed(**changes: Any) -> Feed:
    return msgspec.convert({**FLAT, **changes}, Feed)


@pytest.mark.parametrize("row", [FLAT, SPARKPLUG, OPENEEW], ids=["flat", "sparkplug", "openeew"])
def test_a_feed_is_described_as_it_was_written(row: dict[str, Any]) -> None:
    assert described(msgspec.convert(row, Feed)) == row


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no filter": ({"topic": ""}, "topic: not"),
    "half a level": ({"topic": "a/b+/{device}"}, "topic: 'b\\+'"),
    "# not last": ({"topic": "#/{device}"}, "topic: # stands last"),
    "other braces": ({"topic": "a/{id}"}, "topic: '{id}'"),
    "two devices": ({"topic": "{device}/{device}"}, "stands there twice"),
    "our own topics": ({"topic": "+/v1/{device}/#"}, "Hoshyar's own"),
    "everything": ({"topic": "#", "device": "a"}, "Hoshyar's own"),
    "no device": ({"topic": "a"}, "device: name the device"),
    "a device in two ways": ({"device": "a"}, "device: name the device"),
    "a field twice": ({"readings": FLAT["readings"] * 2}, "readings: 'cm' is mapped twice"),
    "no readings": ({"readings": []}, "readings: at least one"),
    "an unknown quantity": (
        {"readings": [{"field": "a", "quantity": "mood"}]}, "readings: 'a': unknown quantity"),
    "a unit of something else": (
        {"readings": [{"field": "a", "quantity": "stage", "unit": "Cel"}]}, "'a': wrong unit"),
    "a path with a star": (
        {"readings": [{"field": "a.*", "quantity": "stage"}]}, "'a.\\*' is no path"),
    "seq without boot": ({"seq": "n"}, "seq: boot and seq go together"),
    "an unknown format": ({"format": "xml"}, "Invalid enum value 'xml' - at `\\$.format`"),
    "an unknown field": ({"colour": "red"}, "unknown field `colour`"),
    "an unknown time": ({"time": {"field": "t", "form": "unix"}}, "at `\\$.time.form`"),
    "sparkplug elsewhere": ({**SPARKPLUG, "topic": "a/#"}, "topic: a Sparkplug filter"),
    "sparkplug with a time": (
        {**SPARKPLUG, "time": {"field": "t", "form": "iso8601"}}, "time: only flat-json"),
    "openeew with readings": ({**FLAT, **OPENEEW}, "readings: openeew has none"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_a_feed_that_cannot_be_right_is_refused_by_its_field(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        feed(**changes)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a/+/c", "a/b/+", True), ("a/#", "a", True), ("a/#", "a/b/c", True), ("b/+", "b/a", True),
        ("a/b", "a/c", False), ("a/+", "a", False), ("a/+/c", "a/b", False), ("a/#", "b/#", False),
    ],
)  # fmt: skip
def test_two_feeds_may_not_read_one_topic(one: str, other: str, meet: bool) -> None:
    feeds = [feed(name="one", topic=one, device="d"), feed(name="other", topic=other, device="d")]
    if meet:
        with pytest.raises(InputError, match=r"feed 'other', topic: .* match the same topics"):
            check_all(feeds)
    else:
        check_all(feeds)


@pytest.mark.parametrize(
    ("filter_", "topic", "name"),
    [
        ("farm/{device}/up", "farm/g-1/up", "g-1"), ("farm/{device}/up", "farm/g-1/down", None),
        ("farm/{device}/up", "farm/g-1/up/now", None), ("a/{device}/#", "a/g", "g"),
        ("a/{device}/#", "a/g/x/y", "g"), ("a/{device}", "a", None),
    ],
)  # fmt: skip
def test_a_level_of_the_topic_names_the_device(filter_: str, topic: str, name: str | None) -> None:
    assert matched(feed(topic=filter_), topic.split("/")) == name
