"""Request bodies of the API, and how they are read."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Request
from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from clawback_common.http.bodies import parse_json
from clawback_common.http.guarded_client import Addresses, AddressRefused
from clawback_common.http.openapi import items_of, json_body, schema_of
from clawback_common.http.problem import Problem, field_error, invalid
from clawback_contracts.envelope import ARTICLE_ID, ArticleId
from clawback_contracts.holder.v1 import (
    FORGETS_AFTER_H_MAX,
    HolderFilter,
    HolderKind,
    HolderRegistration,
    HoldingsUrl,
)
from clawback_contracts.revocation.v1 import ArticleRemoved, ReasonCode
from clawback_contracts.signatures import KeyId, PublicKey

IDS_MAX = 10_000
ERRORS_MAX = 100
_ID = re.compile(ARTICLE_ID)
RECEIPTS_MAX = 500


class NoticeBody(BaseModel, extra="forbid"):
    """Articles to revoke, and the reason."""

    article_id: ArticleId | None = None
    article_ids: list[ArticleId] = Field(default_factory=list, max_length=IDS_MAX)
    reason: ReasonCode
    revoked_at: AwareDatetime | None = None
    note: str | None = Field(None, max_length=500)

    @model_validator(mode="after")
    def _one_way_of_naming(self) -> Self:
        if (self.article_id is None) == (not self.article_ids):
            raise ValueError("give article_id or article_ids")
        return self

    @property
    def ids(self) -> list[str]:
        """Returns the article ids without repeats, in their order."""
        return list(dict.fromkeys([self.article_id] if self.article_id else self.article_ids))


async def notice_body(request: Request, reason: str | None, revoked_at: datetime | None) -> NoticeBody:
    """Reads JSON, or CSV with a column ``article_id``; for CSV the reason and time are query parameters.

    Raises:
        Problem: 422, with each invalid field or line.
    """
    raw = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "text/csv":
            given = {"article_ids": list(_csv_ids(raw)), "reason": reason, "revoked_at": revoked_at}
            return NoticeBody.model_validate(given)
        return NoticeBody.model_validate(parse_json(raw))
    except ValidationError as error:
        raise invalid(error.errors(), skip=0) from None


def _csv_ids(raw: bytes) -> Iterator[str]:
    try:
        rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
        if "article_id" not in (rows.fieldnames or ()):
            words = "The first line of the CSV must name a column article_id."
            raise Problem(422, words, errors=[field_error("article_id", "missing", words)])
        found = [(rows.line_num, (row["article_id"] or "").strip()) for row in rows]
    except (UnicodeDecodeError, csv.Error):
        raise Problem(
            422, "The body is not CSV in UTF-8.", errors=[field_error("", "csv_invalid", "No CSV")]
        ) from None
    errors = [
        field_error(f"line {line}", "string_pattern_mismatch", "not provider:provider_article_id")
        for line, one in found
        if not _ID.fullmatch(one)
    ]
    if errors:
        raise Problem(422, f"{len(errors)} line(s) are not valid.", errors=errors[:ERRORS_MAX])
    return iter(one for _, one in found)


class ReceiptsBody(BaseModel):
    """Several receipts in one body."""

    items: tuple[ArticleRemoved, ...] = Field(min_length=1, max_length=RECEIPTS_MAX)


async def receipts_body(request: Request) -> list[ArticleRemoved]:
    """Reads one receipt, or ``{"items": […]}``. Unknown fields are refused, because they would be lost.

    Raises:
        Problem: 422, with each invalid field.
    """
    return read_receipts(parse_json(await request.body()))


def read_receipts(given: object) -> list[ArticleRemoved]:
    """Returns the receipts in a parsed body.

    Raises:
        Problem: 422, with each invalid field.
    """
    if not isinstance(given, dict):
        words = 'The body is one receipt object or {"items": […]}.'
        raise Problem(422, words, errors=[field_error("", "object_expected", words)])
    try:
        if "items" in given:
            return list(ReceiptsBody.model_validate(given, extra="forbid").items)
        return [ArticleRemoved.model_validate(given, extra="forbid")]
    except ValidationError as error:
        raise invalid(error.errors(), skip=0) from None


def documented(model: type[BaseModel], *, many: bool = False) -> dict[str, Any]:
    """Returns the OpenAPI description of a body that is parsed by our own code."""
    schema = schema_of(model, closed=True)
    return json_body([schema, items_of(schema, RECEIPTS_MAX)] if many else [schema])


class ReinstateBody(BaseModel, extra="forbid"):
    """The reason for a reinstatement."""

    note: str = Field(min_length=3, max_length=500)


class DecisionBody(BaseModel, extra="forbid"):
    """The reason for confirming a request."""

    note: str | None = Field(None, max_length=500)


class RefusalBody(BaseModel, extra="forbid"):
    """The reason for refusing a request."""

    note: str = Field(min_length=3, max_length=500)


class ReinstatementBody(BaseModel, extra="forbid"):
    """Articles to reinstate, and the reason."""

    article_ids: list[ArticleId] = Field(min_length=1, max_length=IDS_MAX)
    note: str = Field(min_length=3, max_length=500)


class FilterBody(HolderFilter, extra="forbid"):
    """The articles that the holder receives; empty: all."""


class RegistrationBody(HolderRegistration, extra="forbid"):
    """A registration over HTTP. An unknown field is an error, not a field of a later version."""

    filter: FilterBody = FilterBody()

    @property
    def registration(self) -> HolderRegistration:
        """Returns the registration as the contract's model."""
        return fitting(HolderRegistration.model_validate(self.model_dump()))


class Resent(BaseModel):
    """Orders that are resent to a holder."""

    orders: int
    """The number of orders, at most 5,000 per request, the most urgent first."""


class HolderChange(BaseModel, extra="forbid"):
    """A change of a holder's registration; omitted fields stay unchanged."""

    kind: HolderKind | None = None
    group: Annotated[str | None, Field(min_length=1, max_length=249)] = None
    purpose: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    filter: FilterBody | None = None
    copy_kinds: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    holdings_url: HoldingsUrl | None = None
    contact: Annotated[str | None, Field(max_length=200)] = None
    content_retention_h: Annotated[float | None, Field(gt=0, le=FORGETS_AFTER_H_MAX)] = None
    signing_keys: dict[KeyId, PublicKey] | None = None

    def on(self, registration: HolderRegistration) -> HolderRegistration:
        """Returns the registration with the change applied.

        Raises:
            Problem: 422 if the result is not valid.
        """
        given = self.model_dump(exclude_unset=True)
        try:
            changed = HolderRegistration.model_validate(registration.model_dump() | given)
        except ValidationError as error:
            raise invalid(error.errors(), skip=0) from None
        return fitting(changed)


async def callable_address(registration: HolderRegistration, addresses: Addresses) -> None:
    """Checks that compliance may call the holder's address.

    Raises:
        Problem: 422 if it may not.
    """
    if registration.holdings_url is None:
        return
    try:
        await addresses.check(str(registration.holdings_url))
    except AddressRefused as error:
        words = f"Compliance does not call this address: {error}."
        raise Problem(422, words, errors=[field_error("holdings_url", "address_refused", words)]) from None


def fitting(registration: HolderRegistration) -> HolderRegistration:
    """Returns the registration if it has the fields that its kind needs.

    Raises:
        Problem: 422 if it has not.
    """
    if (registration.kind is HolderKind.EXPIRY) != (registration.content_retention_h is not None):
        words = "content_retention_h is required for the kind expiry, and not allowed for any other kind"
        raise Problem(422, words, errors=[field_error("content_retention_h", "kind_mismatch", words)])
    return registration
