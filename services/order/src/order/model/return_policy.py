"""The policy of returns, as data: how long units may come back, which never, who pays for it, and who agrees.

It is a whole document with a version, like the terms of sale; a return keeps the version it was asked for under.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from contracts.order import ReturnReason
from contracts.types import Sku
from order.model.terms import Slug

DEFAULT: Final = "default"

Days = Annotated[int, Field(strict=True, ge=0, le=3650)]


class ReturnRules(BaseModel):
    """All that returns are judged by; where nothing was ever set, 30 days, free for the customer, and support agrees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: Annotated[dict[Slug, Days], Field(max_length=100)] = {DEFAULT: 30}
    """How long after delivery units may come back, by the tax class of their product; `default` is for all others."""
    final_sale: Annotated[list[Sku], Field(max_length=5000)] = []
    """Products that never come back."""
    fees: dict[ReturnReason, Annotated[int, Field(strict=True, ge=0, le=10**9)]] = {}
    """What the customer bears of sending units back, by their reason, in minor units; a reason that is not named is free."""
    auto_approve: StrictBool = False
    """Whether a return that the policy allows is approved at once; false: support decides."""
    label: StrictBool = False
    """Whether the shop provides the label for an approved return."""
    receive_days: Annotated[int, Field(strict=True, ge=1, le=365)] = 30
    """How long an approved return is waited for."""


class ReturnPolicy(ReturnRules):
    """The rules of a version; `version` counts their changes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 0

    def window(self, tax_class: str) -> timedelta:
        """Tell how long after delivery a product of this class may come back."""
        return timedelta(days=self.window_days.get(tax_class, self.window_days.get(DEFAULT, 0)))

    def fee(self, reasons: Sequence[ReturnReason]) -> int:
        """Tell what the customer bears; units that come together for several reasons cost what the cheapest does."""
        return min([self.fees.get(reason, 0) for reason in reasons], default=0)

    @property
    def patience(self) -> timedelta:
        """How long an approved return is waited for."""
        return timedelta(days=self.receive_days)


TaxClasses = Mapping[str, str]
"""The tax class of products, by SKU."""
