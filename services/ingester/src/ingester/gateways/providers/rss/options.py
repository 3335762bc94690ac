"""The options of an RSS or Atom feed in FEEDS, in addition to those of every feed."""

from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Self

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from clawback_common.errors import Stop
from ingester.domain.feed import Origin
from ingester.gateways.providers.quiet_httpx import without_secrets
from ingester.settings import FeedSettings, Settings


def _is_address(given: SecretStr) -> SecretStr:
    try:
        url = httpx.URL(given.get_secret_value())
    except httpx.InvalidURL:
        url = None
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must have the scheme http or https, and a host")
    return given


class Options(BaseModel):
    """The options of a feed. An unknown option is refused, so that a misspelt one is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[SecretStr, AfterValidator(_is_address)]
    """The document's address; https is required outside development. A user, a password and a query are secret, the
    path is not. Redirects are not followed."""
    licence: str = Field(min_length=1, max_length=500)
    """The name of the licence of every entry."""
    source_key: str | None = Field(None, min_length=1, max_length=500)
    """The key of the entries' source; None: the name of the feed."""
    source_name: str | None = Field(None, min_length=1, max_length=500)
    """The name of the source; None: it has none."""
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    """The language (BCP 47) of entries for which neither the entry nor the feed states one."""
    authorization_file: Path | None = None
    """A file with the value of the header Authorization, such as ``Bearer …`` or ``Basic …``; it is read at start-up.
    None: the header is not sent."""

    @classmethod
    def of(cls, feed: FeedSettings, settings: Settings) -> Self:
        """Returns the options of an entry.

        Raises:
            Stop: They are invalid; the text names the feed and the option, never its value.
        """
        if feed.kind != "articles":
            raise Stop(
                f"feed {feed.name}, kind: rss supports only articles; deleted entries among them are "
                "revocations"
            )
        try:
            options = cls.model_validate(feed.options)
        except ValidationError as error:
            raise Stop(_words(feed.name, error)) from None
        if settings.environment != "development" and options.address.scheme != "https":
            raise Stop(f"feed {feed.name}, url: ENVIRONMENT={settings.environment} needs https")
        if options.authorization_file is not None and options.address.userinfo:
            raise Stop(f"feed {feed.name}, authorization_file: the url already has a user")
        return options

    @property
    def address(self) -> httpx.URL:
        """Returns the address, including secrets."""
        return httpx.URL(self.url.get_secret_value())

    def authorization(self, feed: str) -> SecretStr | None:
        """Returns the content of the file.

        Raises:
            Stop: It cannot be read, or is not a valid header value.
        """
        if self.authorization_file is None:
            return None
        where = f"feed {feed}, authorization_file: {self.authorization_file}"
        try:
            value = self.authorization_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise Stop(f"{where} cannot be read") from None
        if not value or not value.isprintable():
            raise Stop(f"{where} must be one line of printable characters")
        return SecretStr(value)

    def origin(self, authorization: SecretStr | None) -> Origin:
        """Returns the address without secrets, and a fingerprint of the secrets."""
        address = self.address
        secret = b"\n".join(
            (
                address.userinfo,
                address.query,
                authorization.get_secret_value().encode() if authorization else b"",
            )
        )
        mark = blake2b(secret, digest_size=6, person=b"feed-origin").hexdigest()
        return Origin(without_secrets(address), mark)


def _words(feed: str, error: ValidationError) -> str:
    found = error.errors(include_input=False, include_context=False, include_url=False)
    unknown = [str(each["loc"][0]) for each in found if each["type"] == "extra_forbidden"]
    if unknown:
        return f"feed {feed}: rss does not support {', '.join(sorted(unknown))}"
    first = found[0]
    return f"feed {feed}, {first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"
