"""What the simulated world can live through, and when: seconds after the scenario's start.

The physics runs in real time; only the quiet before an event is short, so that who starts a
scenario sees it begin within a minute or two.
"""

from __future__ import annotations

from enum import StrEnum


class Scenario(StrEnum):
    QUIET = "quiet"
    LAKE_OUTBURST = "lake-outburst"
    BEARING_FAILURE = "bearing-failure"
    TSUNAMI = "tsunami"
    EARTHQUAKE = "earthquake"


# The moraine creeps visibly from here on, and the dam opens at the second moment.
CREEP_S = 20.0
OUTBURST_S = 45.0
# The first bearing of the plant begins to fail.
BEARING_S = 60.0
# The sea bed moves, or the ground under the mountains.
QUAKE_S = 60.0
