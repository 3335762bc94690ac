"""Parts of answers that every service has."""

from pydantic import BaseModel, Field


class FieldError(BaseModel):
    """What is wrong with one field."""

    path: str = Field(examples=["items[3].title"])
    code: str = Field(examples=["missing"])
    message: str
