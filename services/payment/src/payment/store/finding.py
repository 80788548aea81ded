"""Finds payments by what others call them."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text
from sqlmodel import col

from payment.model import Payment


async def called(session: Any, reference: str) -> ColumnElement[bool]:
    """Say of a payment that it goes under this name: its own id, or the PSP's; also where a gift card pays a part of it."""
    try:
        return col(Payment.payment_id) == UUID(reference)
    except ValueError:
        connection = await session.connection()
        query = text("SELECT reference FROM own_hold WHERE psp_reference = :name")
        held = (await connection.execute(query, {"name": reference})).scalars().all()
        return col(Payment.psp_reference).in_([reference, *held])
