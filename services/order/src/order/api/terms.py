"""The terms of sale, as those keep them who run the shop: what shipping costs where, and which taxes are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Never

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import RequestModel
from order.model import ShippingMethod, TaxRate, Terms, VersionMismatchError
from order.model.terms import distinct
from order.store import OrderQueries, TermsStore

router = APIRouter(prefix="/api/admin", tags=["terms of sale"])

Reader = Annotated[Caller, staff("support", "finance", "auditor", "warehouse")]
Keeper = Annotated[Caller, staff("finance")]


def _each_method_once(methods: list[ShippingMethod]) -> list[ShippingMethod]:
    if not distinct([one.method_id for one in methods]):
        raise ValueError("each method_id may stand once")
    return methods


def _each_rate_once(rates: list[TaxRate]) -> list[TaxRate]:
    if not distinct([(one.country, one.region, one.tax_class) for one in rates]):
        raise ValueError("each country, region and tax_class may stand together once")
    return rates


class ShippingMethodsBody(RequestModel):
    """All ways of shipping; the first rate of a way that serves a parcel is its price."""

    items: Annotated[list[ShippingMethod], Field(max_length=50), AfterValidator(_each_method_once)]


class TaxRatesBody(RequestModel):
    """All taxes; a region's rate goes before its country's."""

    items: Annotated[list[TaxRate], Field(max_length=2000), AfterValidator(_each_rate_once)]


@dataclass(frozen=True, slots=True)
class SetTerms:
    """Set all ways of shipping, or all taxes; None leaves them as they are."""

    shipping_methods: Sequence[ShippingMethod] | None = None
    tax_rates: Sequence[TaxRate] | None = None
    expected_version: int | None = None


def set_terms(command: SetTerms, terms: TermsStore, cause: Cause) -> Answer[Never]:
    """Change the terms for orders to come; those that are placed keep theirs."""
    now = terms.terms
    if command.expected_version not in {None, now.version}:
        raise VersionMismatchError("Look at the terms again and repeat.", current_version=now.version)
    changed = Terms(
        version=now.version + 1,
        shipping_methods=list(command.shipping_methods) if command.shipping_methods is not None else now.shipping_methods,
        tax_rates=list(command.tax_rates) if command.tax_rates is not None else now.tax_rates,
    )
    terms.change(changed, cause)
    items: Sequence[Any] = changed.shipping_methods if command.shipping_methods is not None else changed.tax_rates
    body = b'{"items":[' + b",".join(one.model_dump_json().encode() for one in items) + b"]}"
    return Answer(body, headers={"ETag": etag(changed.version)})


async def _now(request: Request) -> Terms:
    async with request.app.state.database.reading() as session:
        return await OrderQueries(session).terms()


@router.get("/shipping-methods")
async def get_shipping_methods(request: Request, _: Reader, response: Response) -> ShippingMethodsBody:
    """Show all ways of shipping, with the version of the terms (ETag)."""
    terms = await _now(request)
    response.headers["ETag"] = etag(terms.version)
    return ShippingMethodsBody(items=terms.shipping_methods)


@router.put("/shipping-methods", response_model=ShippingMethodsBody)
async def put_shipping_methods(run: Runs, _: Keeper, body: ShippingMethodsBody, expected_version: ExpectedVersion) -> Response:
    """Set all ways of shipping for orders to come."""
    return await run(set_terms, SetTerms(shipping_methods=body.items, expected_version=expected_version))


@router.get("/tax-rates")
async def get_tax_rates(request: Request, _: Reader, response: Response) -> TaxRatesBody:
    """Show all taxes, with the version of the terms (ETag)."""
    terms = await _now(request)
    response.headers["ETag"] = etag(terms.version)
    return TaxRatesBody(items=terms.tax_rates)


@router.put("/tax-rates", response_model=TaxRatesBody)
async def put_tax_rates(run: Runs, _: Keeper, body: TaxRatesBody, expected_version: ExpectedVersion) -> Response:
    """Set all taxes for orders to come."""
    return await run(set_terms, SetTerms(tax_rates=body.items, expected_version=expected_version))
