"""The data set that a run was begun on, so that it is not continued on another."""

from typing import Annotated

from pydantic import Field

from minimagen.config import config
from minimagen.data.items import Source


@config
class DataRecord:
    """What tells one data set from another.

    Args:
        items: how many are usable.
        fingerprint: sha256 of what they are: names, sizes and captions, but not where they are.
    """

    items: Annotated[int, Field(ge=1)]
    fingerprint: str

    @classmethod
    def of(cls, source: Source) -> "DataRecord":
        """Describe a data set."""
        return cls(items=len(source), fingerprint=source.fingerprint)

    def change_since(self, before: "DataRecord") -> str:
        """Say what is different."""
        if self.items != before.items:
            return f"it had {before.items} usable items and has {self.items}"
        return f"of its {self.items} items some have other names, sizes or captions"
