"""Settings: flags over environment over ``segue.toml`` over defaults. Nothing is read at import.

``SEGUE_SEED=3`` and ``SEGUE_RECOMMEND__ARTIST_SPACING=5`` are the environment's spelling; in ``segue.toml`` the
second stands under ``[recommend]``. An unknown key is an error that names the nearest one.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from segue.errors import BadInput

__all__ = ["RecommendSettings", "Settings", "Size", "load_settings"]

Size = Literal["tiny", "small", "medium", "large"]
"""``tiny`` takes seconds: for a first look, and for tests of what is around the models."""


class RecommendSettings(BaseModel):
    """How picks are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artist_spacing: int = Field(default=4, ge=0, description="tracks between two of one artist")
    album_spacing: int = Field(default=6, ge=0, description="tracks between two of one album")
    recent_hours: float = Field(default=24.0, ge=0, description="a track heard within these hours is not picked")
    discover: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="share of picks the listener never heard before; 0 and 1 leave nothing else",
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_", env_nested_delimiter="__", frozen=True, extra="forbid")

    size: Size = Field(default="small", description="one dial for the models' size and training time")
    seed: int = Field(default=0, ge=0, description="where every random source starts")
    device: str = Field(default="auto", description="auto, cpu or cuda")
    workers: int = Field(0, ge=0, description="processes that read and decode files; 0 takes the cores there are")
    database_url: str | None = Field(default=None, description="another database than the home folder's SQLite file")
    recommend: RecommendSettings = Field(default_factory=RecommendSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (likewise)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file (passed as ``_toml``)."""
        assert isinstance(init_settings, InitSettingsSource)
        flags = dict(init_settings.init_kwargs)
        written = flags.pop("_toml", {})
        return (
            InitSettingsSource(settings_cls, flags),
            env_settings,
            InitSettingsSource(settings_cls, written),
        )


def load_settings(file: Path | None = None, **flags: Any) -> Settings:
    """The effective settings.

    Parameters
    ----------
    file
        A TOML file; a missing one counts as empty.
    **flags
        What was said on the command line; None means "not said".

    Raises
    ------
    BadInput
        A key is unknown or a value does not fit; the message names the place.
    """
    written: dict[str, Any] = {}
    if file is not None and file.exists():
        try:
            written = tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{file} is not valid TOML: {error}") from error
    said = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**{**said, "_toml": written})
    except ValidationError as error:
        raise BadInput(f"settings: {'; '.join(_sentence(problem) for problem in error.errors())}") from error


def _sentence(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg']} (given: {problem['input']!r})"
    known: list[str] = []
    for name, field in Settings.model_fields.items():
        known.append(name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            known += [f"{name}.{key}" for key in inner.model_fields]
    near = difflib.get_close_matches(place, known, n=1)
    return f"no setting is called {place}" + (f"; did you mean {near[0]}?" if near else "")
