"""The key that trained models are signed with: a setting, or a file of the data folder."""

from __future__ import annotations

import os
import secrets

from records.errors import SettingsError
from records.settings import Secret, Settings

FILE = "model.key"


def model_key(settings: Settings) -> Secret:
    """The key; an empty one where there is none. Raises SettingsError where it can't be read."""
    if settings.model_key:
        return settings.model_key
    path = settings.home / FILE
    try:
        return Secret(path.read_text("ascii").strip()) if path.exists() else Secret("")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from None


def made(settings: Settings) -> Secret:
    """As `model_key`; where there is none, a new one in the data folder, for its owner alone."""
    key = model_key(settings)
    if key:
        return key
    path = settings.home / FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    except FileExistsError:
        pass  # made by somebody else since
    except OSError as error:
        raise SettingsError(
            f"{path} can't be made ({error.strerror}): set HOSHYAR_MODEL_KEY, or name a data"
            " folder with --data"
        ) from None
    return model_key(settings)
