from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import topics
from records.errors import BadMessage, Reason

slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(
    slugs,
    slugs.filter(lambda s: s not in topics.RESERVED),
    st.sampled_from(sorted(topics.FROM_DEVICE)),
)
def test_a_device_topic_is_read_back(lab: str, device: str, channel: str) -> None:
    assert topics.parse(topics.device_topic(lab, device, channel)) == (lab, device, channel)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "hoshyar/v1/a/b",
        "hoshyar/v1/a/b/readings/x",
        "hoshyar/v2/a/b/readings",
        "hoshyar/v1/A/b/readings",
        "hoshyar/v1/a/b/receipt",
        "hoshyar/v1/a/alerts/readings",
        "hoshyar/v1/a/b/readings\n",
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(BadMessage) as caught:
        topics.parse(topic)
    assert caught.value.reason is Reason.BAD_TOPIC


def test_the_servers_own_topics_are_known() -> None:
    assert topics.is_ours("hoshyar/v1/a/b/receipt")
    assert topics.is_ours(topics.alert_topic("a", "village", "tsunami"))
    assert topics.is_ours(topics.cap_topic("a"))
    assert not topics.is_ours("hoshyar/v1/a/b/readings")
