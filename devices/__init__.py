"""Simulated and recorded devices: they stand for foreign firmware and import only `records`."""
