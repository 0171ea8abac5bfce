"""What people are told to do, by hazard and level: English message ids of the catalogues.

In the sober manner of civil protection: the first sentence is the one thing to do first.
"""

from __future__ import annotations

from records.levels import Hazard, Level

ALL_CLEAR = (
    "The danger is over as far as the sensors can tell. Go back only by ways that the authorities"
    " have opened, and beware of damage, mud and loose slopes."
)
ALL_CLEAR_INDOORS = "The condition is over. Write down what was found and what was done."

INSTRUCTIONS: dict[Hazard, dict[Level, str]] = {
    Hazard.RIVER_FLOOD: {
        Level.YELLOW: (
            "Stay away from the river bank, keep children and animals away from it, and follow the"
            " news of the water level."
        ),
        Level.ORANGE: (
            "Move animals, vehicles and valuables to higher ground now. Get ready to leave: papers,"
            " medicine, water, warm clothes. Do not camp or work in the river bed."
        ),
        Level.RED: (
            "Go to higher ground now by the agreed path. Do not walk or drive through moving water."
            " Help those who cannot go alone. Do not come back before the all-clear."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.FLASH_FLOOD: {
        Level.YELLOW: (
            "Water may come suddenly. Stay out of gullies and dry stream beds, and do not park or"
            " camp in them."
        ),
        Level.ORANGE: (
            "Leave gullies, stream beds and low crossings now. Be ready to climb at once if the"
            " water rises or you hear a roar upstream."
        ),
        Level.RED: (
            "Climb to higher ground at once, away from the stream, and leave belongings behind. Do"
            " not cross the water on foot or by car. Stay up there until the all-clear."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.LAKE_OUTBURST: {
        Level.YELLOW: (
            "The glacial lake is being watched closely. Know your way to the safe place above the"
            " valley floor and keep a telephone at hand."
        ),
        Level.ORANGE: (
            "A flood from the glacial lake is possible. Leave the river bed and the bridges, bring"
            " animals and people who need help to the safe place, and be ready to go yourself."
        ),
        Level.RED: (
            "A flood from the glacial lake is coming. Go up to the safe place now, by the shortest"
            " path away from the river. Stay off bridges. Stay there until the all-clear: a second"
            " wave may follow."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.LANDSLIDE: {
        Level.YELLOW: (
            "Watch for new cracks, leaning trees or poles, muddy springs and falling stones, and"
            " report them. Avoid steep slopes after rain."
        ),
        Level.ORANGE: (
            "Get ready to leave houses below the slope and do not sleep in them. Keep off roads and"
            " paths under the slope."
        ),
        Level.RED: (
            "Leave the area below the slope now, to the side and not downhill. Close the road. Do"
            " not go back before the all-clear."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.EARTHQUAKE: {
        Level.YELLOW: (
            "Shaking has been recorded. Stay calm, keep away from shelves and windows, and be ready"
            " for aftershocks."
        ),
        Level.ORANGE: (
            "Drop, take cover under a sturdy table and hold on. Keep away from windows; outdoors,"
            " keep away from buildings and slopes."
        ),
        Level.RED: (
            "Drop, cover and hold on now. When it stops, go out carefully to open ground, shut off"
            " gas and fires, and expect aftershocks. On the coast go to high ground at once. Do not"
            " use lifts."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.TSUNAMI: {
        Level.YELLOW: (
            "An unusual change of the sea level has been measured. Keep away from beaches and"
            " harbours and follow the news."
        ),
        Level.ORANGE: (
            "Leave beaches, harbours and river mouths now. Get ready to go to high ground. Boats in"
            " deep water stay out at sea."
        ),
        Level.RED: (
            "Go to high ground or far inland now, on foot where you can. Do not go to look at the"
            " sea. Waves come for hours and the first is often not the highest: stay there until"
            " the all-clear."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.STORM_SURGE: {
        Level.YELLOW: (
            "High water is expected on the coast. Keep away from the shore and secure boats and"
            " whatever can float away."
        ),
        Level.ORANGE: (
            "Sea water may flood low ground. Bring people, animals and supplies to higher ground or"
            " higher floors, and be ready to leave when told to."
        ),
        Level.RED: (
            "Leave low ground on the coast now for the shelter or for higher ground. Do not drive"
            " through flooded roads. Stay there until the all-clear."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.HIGH_WAVES: {
        Level.YELLOW: "Small boats stay in the harbour. Keep off rocks and jetties.",
        Level.ORANGE: (
            "No boats go out; boats at sea seek shelter. Keep off beaches, rocks and jetties, and"
            " secure moorings."
        ),
        Level.RED: (
            "Keep well away from the shore; nobody goes to sea. Stop work on piers and sea walls"
            " and leave exposed buildings."
        ),
        Level.GREEN: ALL_CLEAR,
    },
    Hazard.PLANT_FAULT: {
        Level.YELLOW: (
            "Have the shift look at the machine and compare it with its normal running. Plan an"
            " inspection."
        ),
        Level.ORANGE: (
            "Lower the load by the operating instructions, measure again by hand, and have a"
            " specialist look at it today. Keep people away from turning parts."
        ),
        Level.RED: (
            "Stop the machine by the operating instructions unless the shift leader has a reason"
            " not to. Keep people out of the machine hall until it has been checked."
        ),
        Level.GREEN: ALL_CLEAR_INDOORS,
    },
    Hazard.SENSOR_HEALTH: {
        Level.YELLOW: (
            "Readings of this sensor are doubtful. Check its link, power and mounting, and do not"
            " rely on it alone."
        ),
        Level.ORANGE: (
            "Do not rely on this sensor. Watch the place by other means and send somebody to repair"
            " it."
        ),
        Level.RED: (
            "This sensor can't be used. Have the place watched by people until it is repaired."
        ),
        Level.GREEN: ALL_CLEAR_INDOORS,
    },
    Hazard.UNWATCHED: {
        Level.YELLOW: (
            "This place is watched by fewer sensors than planned. Check their links and power."
        ),
        Level.ORANGE: (
            "No sensor sees what happens here. Ask people on the spot, and repair the link."
        ),
        Level.RED: (
            "No sensor sees what happens here while danger is likely. Treat the place as endangered"
            " and have it watched from a safe spot."
        ),
        Level.GREEN: ALL_CLEAR_INDOORS,
    },
}
