"""How much to store at once, so that storing it takes about as long as it may.

From what the last portions took, a line is fitted: a time that every commit takes, and a time a
byte. Where commits take long however small they are (a slow disk, a far server), smaller ones would
only bring less through: then a portion takes up to twice what the smallest one would.
"""

from __future__ import annotations

# What an older portion weighs against the next newer one: of ten back, a tenth.
_KEPT = 0.8
# Weight of "nothing takes no time": of portions of one size, all of it is taken for a time a byte.
_ORIGIN = 0.1
_SURPRISE = 2.0
_ALIKE = 1e-3


class Portions:
    """Sizes are bytes, times seconds. `size_bytes` is what the next portion may have."""

    def __init__(self, target_s: float, smallest_bytes: int, largest_bytes: int) -> None:
        self._target_s = target_s
        self._smallest, self._largest = smallest_bytes, largest_bytes
        self.size_bytes = smallest_bytes
        self._fixed_s = self._byte_s = 0.0
        self._lately = 0.0
        # Sums over the portions, each weighed: 1, size, time, size * size, size * time.
        self._sums = [0.0] * 5

    def took(self, size_bytes: int, spent_s: float, *, stored: bool = True) -> None:
        """A portion was stored, or there was nothing in it to store: then it says nothing of the
        store, but that larger ones can be taken. Nothing follows from one of no bytes."""
        if size_bytes <= 0:
            return
        learns = stored or not self._sums[0] or spent_s > self._target_s
        if learns:
            self._learn(size_bytes, spent_s)
        # No more than twice what was tried: what a larger one takes is not known.
        self._lately = max(float(size_bytes), _KEPT * self._lately)
        size = min(self._affordable(), 2 * self._lately, self._largest)
        if learns and self._knows_one_size():
            size = 2 * self._lately
        self.size_bytes = max(self._smallest, round(size))

    def _learn(self, size_bytes: int, spent_s: float) -> None:
        kept = 0.0 if self._is_slower(size_bytes, spent_s) else _KEPT
        new = (1.0, size_bytes, spent_s, float(size_bytes) ** 2, size_bytes * spent_s)
        self._sums = [kept * old + x for old, x in zip(self._sums, new, strict=True)]
        self._fit()

    def _is_slower(self, size_bytes: int, spent_s: float) -> bool:
        """Is the store another one by now? A small portion that takes long is no proof of that."""
        expected_s = self._fixed_s + self._byte_s * size_bytes
        usual = size_bytes * self._sums[0] >= self._sums[1] / 2
        return usual and spent_s > max(self._target_s, _SURPRISE * expected_s)

    def _fit(self) -> None:
        weight, size, spent, size_size, size_spent = self._sums
        all_ = weight + _ORIGIN
        spread = size_size - size * size / all_
        self._byte_s = max((size_spent - size * spent / all_) / spread, 0.0)
        fixed_s = (spent - self._byte_s * size) / all_
        self._fixed_s = min(max(fixed_s, 0.0), spent / weight)

    def _knows_one_size(self) -> bool:
        """Have all been as small as can be? Then nobody knows what a larger one would take."""
        weight, size, _, size_size, _ = self._sums
        spread = size_size - size * size / weight
        return size_size < (1.1 * self._smallest) ** 2 * weight and spread < _ALIKE * size_size

    def _affordable(self) -> float:
        wanted_s = max(self._target_s, 2 * self._fixed_s)
        return (wanted_s - self._fixed_s) / self._byte_s if self._byte_s else float("inf")
