"""Foreign topics: which feed a topic belongs to, and the decoder that reads it."""

from __future__ import annotations

from collections.abc import Sequence

from ingest import flat_json, openeew
from ingest import sparkplug as sparkplug_b
from ingest.decoders import Content, Decoder
from ingest.flat_json import FlatJson
from ingest.sparkplug import Sparkplug
from records.errors import BadMessage, Reason
from records.foreign import Feed, matched

VERSIONS = {
    "flat-json": flat_json.VERSION,
    "openeew": openeew.VERSION,
    "sparkplug-b": sparkplug_b.VERSION,
}


def _unread(_: object, __: int = 0) -> Content:
    return Content()


# What other servers say on these topics (commands, states) is no device's: nothing is kept of it.
NOT_DATA = Decoder("", _unread, _unread)


class Foreign:
    """The feeds of a registry; `nodes` outlives it."""

    def __init__(self, feeds: Sequence[Feed], nodes: Sparkplug) -> None:
        self._feeds = [(feed, FlatJson(feed)) for feed in feeds]
        self._nodes = nodes
        self.versions = sorted({VERSIONS[feed.format] for feed in feeds})

    def find(self, topic: str) -> tuple[Feed, Decoder, str]:
        """The feed, its decoder, and the device's name, "" where the messages say it.

        Raises BadMessage (`bad topic`) for a topic that no feed reads.
        """
        words = topic.split("/")
        for feed, flat in self._feeds:
            named = matched(feed, words)
            if named is not None:
                name = feed.device or named
                if feed.format == "sparkplug-b":
                    decoder = self._nodes.decoder(feed, topic) or NOT_DATA
                    return feed, decoder, feed.device or "/".join(words[3:5])
                if feed.format == "openeew":
                    return feed, openeew.SAYING_DEVICE if not name else openeew.DECODER, name
                return feed, flat.decoder, name
        raise BadMessage(Reason.BAD_TOPIC, topic[:200])
