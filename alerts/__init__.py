"""From warnings to alerts that people act on: life cycle, CAP, delivery."""
