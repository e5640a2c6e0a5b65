"""What every shape has in common."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

Item = TypeVar("Item")

Utc = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time in an answer: RFC 3339 in UTC, as `models.wire` writes it."""
Uuid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Place = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
AreaPath = Annotated[str, StringConstraints(max_length=200, pattern=r"^[a-z0-9_-]{1,32}(\.[a-z0-9_-]{1,32}){0,7}$")]
StableId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
UnitId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,32}$")]
Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class Answer(BaseModel):
    """Base of what is sent."""

    model_config = ConfigDict(allow_inf_nan=False)


class Request(BaseModel):
    """Base of what is received: a field that is not known is refused, numbers are numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=10_000)

    @field_validator("*")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        """No text of ours may hold one: the database cannot."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise PydanticCustomError("nul", "text without NUL")
        return value


class Page(Answer, Generic[Item]):
    """Some items and how to ask for those that follow."""

    items: list[Item]
    next_cursor: str | None = Field(description="Give it back as ?cursor= for what follows; null at the end.")


class ProblemField(Answer):
    """One thing that is wrong in what was sent."""

    pointer: str = Field(description="JSON pointer into the body, or the name of a parameter.")
    detail: str


class Problem(Answer):
    """RFC 9457: every error is one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemField] = Field(default_factory=list)
    winner: str | None = Field(default=None, description="Who was first, where two raced.")
