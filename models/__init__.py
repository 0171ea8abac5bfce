"""From readings to scores and warnings: detectors, the engine that runs them."""
