"""What a bank wants to see when a customer disputes a payment: the order, its way, and its papers, in one file.

It is made when it is asked for and kept nowhere. It holds personal data, so it goes to finance and support alone.
"""

import io
import json
import zipfile
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.auth import Caller, staff
from order.api.documents import document_view
from order.api.tracking import tracking_of
from order.api.views import history_view, order_body
from order.gateway.papers import Papers
from order.store import DocumentQueries, OrderQueries

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])


@router.get("/{order_id}/evidence")
async def get_evidence(request: Request, _: Annotated[Caller, staff("finance", "support")], order_id: UUID) -> Response:
    """Pack what proves that the order was placed, sent and delivered: order, history, tracking, invoices (ZIP)."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, None)
        history = await queries.history(order_id, staff=False)
        events = await queries.sightings(order_id)
        documents = await DocumentQueries(session).of_order(order_id, None)
    papers: Papers = request.app.state.gateways[Papers]
    files: dict[str, bytes] = {
        "order.json": order_body(order),
        "history.json": _json([history_view(entry).model_dump(mode="json") for entry in history]),
        "tracking.json": _json(tracking_of(order, events)),
    }
    for document in documents:
        name = document.number.replace("/", "-")
        files[f"{name}.json"] = document_view(document).model_dump_json().encode()
        files[f"{name}.pdf"] = await papers.pdf(document)
    pack = io.BytesIO()
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    headers = {"Content-Disposition": f'attachment; filename="evidence-{order_id}.zip"', "Cache-Control": "private, no-store"}
    return Response(pack.getvalue(), headers=headers, media_type="application/zip")


def _json(content: Any) -> bytes:
    return json.dumps(content, default=str, ensure_ascii=False, indent=1).encode()
