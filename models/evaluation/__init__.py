"""How good warnings are: whole events, lead times, false alarms, probabilities, beside nulls."""
