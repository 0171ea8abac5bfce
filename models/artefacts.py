"""A trained model as bytes that can be checked before anything in them is opened.

    hoshyar model 1\\n | HMAC-SHA256 of the rest (32 bytes) | zip: about.json, NAME.npy, NAME.skops

Arrays are numpy's own format, scikit-learn's estimators skops'; nothing is ever unpickled. Checks
go from the outside in: size, signature, what made it, then each type by name, then its parts.
Who holds the key can make a model go live, so it is a secret of those who train.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.detector import Watched
from records.errors import ArtefactRefused
from records.network import Record
from records.settings import Secret
from store.trained import MOST_BYTES

MAGIC = b"hoshyar model 1\n"
LEAST_KEY_BYTES = 32
LIBRARIES = ("numpy", "scikit-learn", "skops")
# Pinned: what a model of ours is made of, and nothing else, however harmless it looks.
TYPES = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.float64",
        "numpy.ndarray",
        "numpy.uint64",
        "numpy.random._generator.Generator",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn._loss._loss.CyPinballLoss",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.preprocessing._label.LabelEncoder",
    }
)
# An array or one of scikit-learn's estimators, which have no types.
Part = Any
_SIGNATURE_BYTES = 32


class About(Record, frozen=True):
    """What an artefact says of itself; readable by anybody, believed once the signature fits.

    detector, version, params  what it was fitted by
    watched                    the series it was fitted on
    model                      how its parts belong together (`models.parts`)
    since, tenths              see `models.learned`
    libraries                  versions of `LIBRARIES` and of Python (major.minor) that made it
    recipe                     the command that trains it again
    """

    detector: str
    version: str
    params: dict[str, Any]
    watched: tuple[Watched, ...]
    model: Any
    since: int
    tenths: tuple[float, ...]
    libraries: dict[str, str]
    recipe: str


def libraries() -> dict[str, str]:
    """Versions that a model depends on, as they are here."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, **{name: version(name) for name in LIBRARIES}}


def seal(about: About, parts: Mapping[str, Part], key: Secret) -> bytes:
    """The artefact of a model. Raises ArtefactRefused where it would be refused when opened."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", msgspec.json.format(msgspec.json.encode(about)))
        for name, part in sorted(parts.items()):
            if isinstance(part, np.ndarray):
                archive.writestr(f"{name}.npy", _array_bytes(part))
            else:
                archive.writestr(f"{name}.skops", _estimator_bytes(part))
    data = MAGIC + _signature(body.getvalue(), key) + body.getvalue()
    unseal(data, key)
    return data


def unseal(data: bytes, key: Secret) -> tuple[About, dict[str, Part]]:
    """What `seal` was given. Raises ArtefactRefused with one line that says what to do."""
    body = _body(data, key)
    try:
        return _opened(zipfile.ZipFile(io.BytesIO(body)))
    except (zipfile.BadZipFile, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise ArtefactRefused(f"the model can't be read: {error}") from None


def _opened(archive: zipfile.ZipFile) -> tuple[About, dict[str, Part]]:
    _need_small(archive)
    about = msgspec.json.decode(archive.read("about.json"), type=About)
    _need_same_libraries(about)
    parts: dict[str, Part] = {}
    for name in sorted(set(archive.namelist()) - {"about.json"}):
        stem, _, ending = name.rpartition(".")
        if ending not in {"npy", "skops"}:
            raise ArtefactRefused(f"the model's part {name} is neither an array nor an estimator")
        read = _array if ending == "npy" else _estimator
        parts[stem] = read(name, archive.read(name), about.recipe)
    return about, parts


def _need_small(archive: zipfile.ZipFile) -> None:
    if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
        raise ArtefactRefused(f"the model is larger than {MOST_BYTES} bytes when unpacked")


def _body(data: bytes, key: Secret) -> bytes:
    if len(data) > MOST_BYTES:
        raise ArtefactRefused(f"the model is too large: at most {MOST_BYTES} bytes are taken")
    if not data.startswith(MAGIC):
        kind = "a pickle, which is never opened" if data[:1] == b"\x80" else "no model of Hoshyar's"
        raise ArtefactRefused(f"this is {kind}: train one with `hoshyar model train`")
    signature = data[len(MAGIC) : len(MAGIC) + _SIGNATURE_BYTES]
    body = data[len(MAGIC) + _SIGNATURE_BYTES :]
    if not hmac.compare_digest(signature, _signature(body, key)):
        raise ArtefactRefused(
            "the model's signature does not fit: it was changed after training, or signed with"
            " another key than this machine's (HOSHYAR_MODEL_KEY or model.key)"
        )
    return body


def _signature(body: bytes, key: Secret) -> bytes:
    words = key.reveal().encode()
    if len(words) < LEAST_KEY_BYTES:
        raise ArtefactRefused(
            "there is no key that models are signed with: train one here, or set HOSHYAR_MODEL_KEY"
        )
    return hmac.digest(words, MAGIC + body, hashlib.sha256)


def _need_same_libraries(about: About) -> None:
    here = libraries()
    other = [
        f"{name} {made} (here: {here.get(name, 'none')})"
        for name, made in sorted(about.libraries.items())
        if here.get(name) != made
    ]
    if other or about.libraries.keys() != here.keys():
        raise ArtefactRefused(
            f"the model was made with {', '.join(other) or 'other libraries'}: train it again with"
            f" `{about.recipe}`"
        )


def _array_bytes(part: NDArray[Any]) -> bytes:
    into = io.BytesIO()
    np.lib.format.write_array(into, part, allow_pickle=False)
    return into.getvalue()


def _array(name: str, content: bytes, recipe: str) -> NDArray[Any]:
    """An array whose header says no more than its bytes hold: memory is taken before reading."""
    file = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version of the format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject or int(np.prod(shape)) * dtype.itemsize != len(content) - file.tell():
            raise ValueError(f"shape {shape} and type {dtype} do not fit its bytes")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise ArtefactRefused(
            f"the model's part {name} is no array ({error}): train it again with `{recipe}`"
        ) from None


def _estimator_bytes(part: Part) -> bytes:
    # Imported here: it looks through all of scikit-learn, which takes seconds.
    from skops import io as skops

    content: bytes = skops.dumps(part)
    return content


def _estimator(name: str, content: bytes, recipe: str) -> Part:
    archive = zipfile.ZipFile(io.BytesIO(content))
    _need_small(archive)
    found = set(_types(json.loads(archive.read("schema.json"))))
    if unknown := sorted(found - TYPES):
        raise ArtefactRefused(
            f"the model's part {name} holds types that no model is made of"
            f" ({', '.join(unknown)}): train it again with `{recipe}`"
        )
    for inside in archive.namelist():
        if inside.endswith(".npy"):
            _array(f"{name}/{inside}", archive.read(inside), recipe)
    from skops import io as skops

    return skops.loads(content, trusted=sorted(TYPES))


def _types(schema: Any) -> Iterator[str]:
    """Names of all types that this part of a skops schema names."""
    if isinstance(schema, dict):
        if "__class__" in schema:
            yield f"{schema.get('__module__')}.{schema['__class__']}"
        for below in schema.values():
            yield from _types(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from _types(below)
