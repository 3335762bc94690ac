"""The provider's behaviour without injected faults: each field decides something that its documentation leaves open."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """The provider's rules. Every field can be changed by the action `set` while the simulator is running."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pause_s: float = Field(default=0.0, ge=0, description="seconds a key must leave between calls, else 1004")
    pause_scope: Literal["key", "endpoint", "slice"] = Field(
        default="key", description="what shares one pause: all calls of a key, an endpoint's, or a slice's"
    )
    keys: tuple[str, ...] = Field(default=(), description="the valid keys; none named: any key will do")
    key_codes: dict[str, int] = Field(
        default={}, description="keys that are always refused, with the code they get (1001 to 1003, 1018)"
    )
    failure_status: int | Literal["natural"] = Field(
        default=200, description="HTTP status of a FAILURE; natural: 4xx or 5xx as the code suggests"
    )
    failure_field: Literal["messages", "message"] = Field(
        default="messages", description="userMessage and developerMessage, or the older message alone"
    )
    limit_policy: Literal["refuse", "clamp"] = Field(
        default="refuse", description="a limit out of range: 1007, or clamped"
    )
    max_limit: int = Field(default=500, ge=1, description="articles in one answer of the feed, at most")
    max_search_limit: int = Field(
        default=200, ge=1, description="articles in one answer of a search, at most"
    )
    max_revoked_limit: int = Field(default=10_000, ge=1, description="ids in one answer, at most")
    page_limit_stated: bool = Field(
        default=False, description="whether the key's rate limits name the articles of a page as well"
    )
    old_cursor: Literal["resume", "refuse"] = Field(
        default="resume", description="a cursor older than the window: go on at the oldest held, or 1008"
    )
    refused_cursors: tuple[str, ...] = Field(
        default=(), description="cursors that are no longer taken at any endpoint, 1008"
    )
    window_days: float = Field(default=3.0, gt=0, description="days that the feed holds an article")
    search_days: float = Field(default=100.0, gt=0, description="days that a search covers")
    revoked_on_feed: Literal["kept", "withheld"] = Field(
        default="kept", description="whether the feed still serves a revoked article to a cursor before it"
    )
    revoked_shape: Literal[
        "revokedArticles", "articles", "one_as_object", "wrapped", "ids", "bare", "missing", "renamed", "text"
    ] = Field(
        default="revokedArticles",
        description="the list's name; as converters write it: one entry as an object without a list, members inside an "
        "object; bare ids in the list, or as a list called ids; malformed: no list, an unknown name, a text instead",
    )
    inner_lists: Literal["plain", "doubled", "named"] = Field(
        default="plain",
        description="the lists inside an article; as converters write them: twice, or with members of the list's name",
    )
    revoked_next: Literal["element", "top", "both"] = Field(
        default="element", description="where the next cursor is: in each element, at the top, or in both"
    )
    revoked_cursor_name: Literal["sequence_id", "sequenceId", "either"] = Field(
        default="sequence_id",
        description="the name of the cursor's parameter; the other one is refused, 1022",
    )
    revoked_cursor_style: Literal["number", "opaque"] = Field(
        default="number",
        description="revocation cursors as numbers of the year's range, or as text of no order",
    )
    slicing: Literal["permitted", "refused"] = Field(default="permitted", description="refused: 1013")
    slice_base: Literal[0, 1] = Field(default=0, description="the first slice's number")
    max_slices: int = Field(default=16, ge=1, description="slices at most, else 1009")
    drift: bool = Field(default=False, description="every article has unknown elements")
