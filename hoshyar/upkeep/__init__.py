"""The stage that looks after the store: `python -m hoshyar.upkeep`."""
