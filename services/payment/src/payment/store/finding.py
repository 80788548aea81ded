"""Finds payments by what others call them."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text
from sqlmodel import col

from payment.model import Payment


async def called(session: Any, reference: str) -> ColumnElement[bool]:
    """Say of a payment that it goes under this name: its own id, the PSP's, or what a transfer names.

    A reference of ours stands after a dot, and after the PSP's where a gift card or an exchange pays a part.
    """
    try:
        return col(Payment.payment_id) == UUID(reference)
    except ValueError:
        connection = await session.connection()
        query = text("SELECT reference FROM own_hold WHERE psp_reference = :name")
        held = (await connection.execute(query, {"name": reference})).scalars().all()
        return col(Payment.psp_reference).in_([reference, f".{reference}", *(f"{reference}.{own}" for own in held)])
