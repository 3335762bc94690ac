"""The actions of `POST /control`: one model per action, distinguished by the field `action`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Corruption = Literal[
    "no_id",
    "no_sequence",
    "numbers",
    "unknown_elements",
    "bad_date",
    "bad_embargo",
    "bad_license_end",
    "huge_body",
    "bare",
    "nul",
    "id_text",
]
"""The possible errors of an article."""

FaultMode = Literal[
    "rate_limited",
    "error",
    "unavailable",
    "hang",
    "truncated",
    "html",
    "empty",
    "wrong_content_type",
    "entity_bomb",
    "depth_bomb",
    "gzip_bomb",
    "not_gzip",
    "failure",
    "reset",
]
"""The possible failures of an answer."""

EndpointName = Literal["articles", "searchArticles", "revokedArticles", "rateLimits", "*"]


class Action(BaseModel):
    """The base of all actions; an unknown field is rejected, so that a misspelt option does not become the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipe(Action):
    """The options of an article when it is published."""

    body_bytes: int | None = Field(
        default=None, ge=0, le=4_000_000, description="about; by default 1 to 6 KB, mean 2.5"
    )
    without_body: bool | None = Field(default=None, description="by default so for 5 to 17 % of them")
    embargo_s: float | None = Field(default=None, description="embargoDate, seconds from now")
    license_end_s: float | None = Field(default=None, description="licenseEndDate, seconds from now")
    content_license_end_s: float | None = Field(
        default=None, description="contentLicenseEndDate, seconds from now"
    )
    dated_days_ago: float | None = Field(default=None, ge=0, description="by default 1 % are years old")
    corrupt: Corruption | None = Field(default=None, description="the error of the article")


class Publish(Recipe):
    """Publishes articles on the feed: new ones, or reserved ones whose ids were returned before."""

    action: Literal["publish"]
    count: int = Field(default=0, ge=0, le=1_000_000)
    ids: tuple[str, ...] = Field(default=(), description="reserved ids to publish now")
    reserved: bool = Field(default=False, description="publish all reserved ones")


class Reserve(Action):
    """Reserves the ids of articles that are published later."""

    action: Literal["reserve"]
    count: int = Field(ge=1, le=1_000_000)


class Revoke(Action):
    """Revokes articles: named, a number or share of the published ones, unknown ones, reserved ones, repeats."""

    action: Literal["revoke"]
    ids: tuple[str, ...] = ()
    count: int = Field(default=0, ge=0, description="published articles, chosen by the seed")
    share: float = Field(default=0.0, ge=0, le=1, description="of the published articles not revoked yet")
    unknown: int = Field(default=0, ge=0, description="ids that are never delivered")
    reserved: int = Field(
        default=0, ge=0, description="new reserved ids, whose article can be published later"
    )
    repeat: int = Field(default=0, ge=0, description="earlier revocations to repeat, chosen by the seed")
    served_only: bool = Field(
        default=False, description="choose only articles that were delivered to a client"
    )
    ago_s: float | None = Field(default=None, description="the provider's own time, seconds before now")
    timestamp: bool = Field(default=False, description="include the provider's own time; implied by ago_s")


class Update(Action):
    """Delivers articles again with the same id, a new sequence id and new text."""

    action: Literal["update"]
    ids: tuple[str, ...] = ()
    count: int = Field(default=0, ge=0, description="of the published articles, chosen by the seed")


class Redeliver(Action):
    """Delivers revoked articles again, like a provider that ignores its own revocation."""

    action: Literal["redeliver"]
    ids: tuple[str, ...] = ()
    count: int = Field(default=0, ge=0, description="of the revoked articles, chosen by the seed")
    text: Literal["same", "old", "new"] = Field(
        default="same", description="as last sent, the version before, or a new one"
    )


class Corrupt(Action):
    """Adds errors to published articles."""

    action: Literal["corrupt"]
    ids: tuple[str, ...]
    mode: Corruption | None = Field(description="null removes them")


class Fail(Action):
    """Makes the next answers of an endpoint fail; several failures are queued in order."""

    action: Literal["fail"]
    endpoint: EndpointName = "*"
    mode: FaultMode
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0, description="successful answers before")
    hang_s: float = Field(default=60.0, ge=0, description="mode hang: seconds until the answer is sent")
    retry_after_s: float | None = Field(
        default=None, description="header Retry-After; rate_limited has 1 by default"
    )
    status: int | None = Field(
        default=None, ge=200, le=599, description="HTTP status; by default what the mode suggests"
    )
    code: int = Field(default=9999, description="mode failure: messageCode")
    bomb_bytes: int = Field(
        default=256 << 20, ge=1, le=4 << 30, description="mode gzip_bomb: size when unpacked"
    )


class Heal(Action):
    """Removes the queued failures."""

    action: Literal["heal"]
    endpoint: EndpointName = "*"


class Set(Action):
    """Changes the provider's rules; the fields are those of `Settings`."""

    action: Literal["set"]
    settings: dict[str, Any]


class AdvanceClock(Action):
    """Moves the provider's clock; negative values move it back. The pause between calls uses this clock too."""

    action: Literal["advance_clock"]
    seconds: float = 0.0
    hours: float = 0.0
    days: float = 0.0


class SetClock(Action):
    """Sets the provider's clock, and optionally stops it."""

    action: Literal["set_clock"]
    at: datetime
    frozen: bool = False


class Prerender(Action):
    """Renders the feed's pages now, as returned to a client that reads from 0 with this limit."""

    action: Literal["prerender"]
    format: Literal["xml", "json"] = "xml"
    limit: int = Field(default=500, ge=1)
    gzip: bool = True


class Reset(Action):
    """Resets everything: nothing published, initial rules, real time."""

    action: Literal["reset"]
    seed: int | None = Field(default=None, description="by default the same as before")


AnyAction = Annotated[
    Publish
    | Reserve
    | Revoke
    | Update
    | Redeliver
    | Corrupt
    | Fail
    | Heal
    | Set
    | AdvanceClock
    | SetClock
    | Prerender
    | Reset,
    Field(discriminator="action"),
]

SCRIPT: TypeAdapter[list[AnyAction]] = TypeAdapter(list[AnyAction])
"""A script: actions that run in order; none runs if any is invalid."""
