"""What is not exactly a model that was trained here is refused with one line, unopened."""

from __future__ import annotations

import hashlib
import hmac
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from models import artefacts
from models.artefacts import LIBRARIES, MAGIC, About, Part, libraries, seal, unseal
from models.detector import Watched
from models.parts import put_together, taken_apart
from records.errors import ArtefactRefused
from records.settings import Secret
from store.trained import MOST_BYTES

KEY = Secret("k" * 43)
RECIPE = "hoshyar model train flood-forecast --target gauge"
ABOUT = About(
    detector="flood-forecast",
    version="1",
    params={"target": "gauge", "threshold": 2.5},
    watched=(Watched(id="gauge", quantity="stage", unit="m"), Watched(id="rain")),
    since=-1,
    tenths=(0.1, 0.2),
    model={"models": [{"part": "trees"}]},
    libraries=libraries(),
    recipe=RECIPE,
)
GIVEN = np.random.default_rng(0).normal(size=(500, 3))


def trees() -> HistGradientBoostingRegressor:
    model = HistGradientBoostingRegressor(
        loss="quantile", quantile=0.9, max_iter=5, early_stopping=False, random_state=0
    )
    return model.fit(GIVEN, GIVEN[:, 0])


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal(ABOUT, {"trees": trees(), "mean": GIVEN.mean(axis=0)}, KEY)


def signed(parts: dict[str, bytes], about: About = ABOUT, key: Secret = KEY) -> bytes:
    """An artefact with these files, signed: what only who has the key could make."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", msgspec.json.encode(about))
        for name, content in parts.items():
            archive.writestr(name, content)
    data = body.getvalue()
    return MAGIC + hmac.digest(key.reveal().encode(), MAGIC + data, hashlib.sha256) + data


def refused(data: bytes, key: Secret = KEY) -> str:
    with pytest.raises(ArtefactRefused) as caught:
        unseal(data, key)
    said = str(caught.value)
    assert "\n" not in said
    assert KEY.reveal() not in said
    return said


def test_a_model_comes_back_as_it_was(sealed: bytes) -> None:
    about, parts = unseal(sealed, KEY)
    assert about == ABOUT
    assert sorted(parts) == ["mean", "trees"]
    assert np.array_equal(np.asarray(parts["mean"]), GIVEN.mean(axis=0))
    again = parts["trees"]
    assert isinstance(again, HistGradientBoostingRegressor)
    assert np.array_equal(again.predict(GIVEN), trees().predict(GIVEN))


def test_any_flipped_byte_is_refused(sealed: bytes) -> None:
    rng = np.random.default_rng(1)
    places = [0, len(MAGIC), len(sealed) - 1, *rng.integers(0, len(sealed), 200).tolist()]
    for place in places:
        changed = bytearray(sealed)
        changed[place] ^= 1 << int(rng.integers(8))
        said = refused(bytes(changed))
        assert "signature does not fit" in said or "no model of Hoshyar's" in said
    refused(sealed[:-1])
    refused(sealed + b"\0")
    refused(b"")


def test_a_type_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ArtefactRefused, match=r"LinearRegression.*train it again with `hoshyar"):
        seal(ABOUT, {"line": LinearRegression().fit(GIVEN, GIVEN[:, 0])}, KEY)
    from skops import io as skops

    harmful = skops.dumps(np.array([print, open], dtype=object))
    assert "builtins.print" in refused(signed({"part.skops": harmful}))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    data = pickle.dumps(Trap(sprung))
    assert "is a pickle, which is never opened" in refused(data)
    objects = io.BytesIO()
    np.save(objects, np.array([Trap(sprung)], dtype=object), allow_pickle=True)
    assert "is no array" in refused(signed({"array.npy": objects.getvalue()}))
    assert "can't be read" in refused(signed({"part.skops": data}))
    assert "neither an array nor" in refused(signed({"part.pkl": data}))
    assert not sprung.exists()


def test_what_is_too_large_is_refused_before_it_is_unpacked() -> None:
    assert f"at most {MOST_BYTES}" in refused(bytes(MOST_BYTES + 1))
    bomb = signed({"zeros.npy": bytes(MOST_BYTES + 1)})
    assert len(bomb) < MOST_BYTES / 100
    assert "when unpacked" in refused(bomb)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    assert "do not fit its bytes" in refused(signed({"huge.npy": header.getvalue()}))


@pytest.mark.parametrize("library", [*LIBRARIES, "python"])
def test_another_version_is_refused_with_the_recipe(library: str) -> None:
    other = msgspec.structs.replace(ABOUT, libraries={**libraries(), library: "0.1"})
    said = refused(signed({}, other))
    assert f"{library} 0.1 (here: {libraries()[library]})" in said
    assert f"train it again with `{RECIPE}`" in said


def test_another_key_and_no_key_are_refused(sealed: bytes) -> None:
    assert "HOSHYAR_MODEL_KEY" in refused(sealed, Secret("o" * 43))
    assert "no key" in refused(sealed, Secret(""))
    assert "no key" in refused(sealed, Secret("short"))


def test_only_pinned_types_are_handed_to_skops(
    monkeypatch: pytest.MonkeyPatch, sealed: bytes
) -> None:
    monkeypatch.setattr(artefacts, "TYPES", artefacts.TYPES - {"builtins.tuple"})
    assert "builtins.tuple" in refused(sealed)


@dataclass(frozen=True)
class Inner:
    weight: NDArray[np.float64]
    name: str


@dataclass(frozen=True)
class Fitted:
    inner: tuple[Inner, ...]
    pair: tuple[int, Inner]
    limit: float | None
    trees: tuple[HistGradientBoostingRegressor, ...]


def test_a_model_is_taken_apart_and_put_together() -> None:
    one, two = Inner(np.arange(3.0), "one"), Inner(np.ones(2), "two")
    built, parts = taken_apart(Fitted((one, two), (7, two), None, (trees(),)))
    plain = msgspec.json.decode(msgspec.json.encode(built))
    again = put_together(Fitted, plain, parts)
    assert [inner.name for inner in again.inner] == ["one", "two"]
    assert again.inner[0].weight is one.weight
    assert again.pair[0] == 7
    assert again.pair[1].name == "two"
    assert again.limit is None
    assert again.trees[0].predict(GIVEN).shape == (500,)


@pytest.mark.parametrize("built", [{"inner": []}, {"unknown": 1}, {"trees": [{"part": "none"}]}])
def test_what_another_program_built_is_refused(built: object) -> None:
    with pytest.raises(ArtefactRefused, match="not built as one of this program"):
        put_together(Fitted, built, {})


def test_a_model_holds_nothing_else() -> None:
    with pytest.raises(TypeError, match="function"):
        taken_apart(trees)
    parts: dict[str, Part] = taken_apart(Inner(np.ones(1), ""))[1]
    assert len(parts) == 1
