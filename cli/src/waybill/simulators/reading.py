"""The HTTP interface to a mailbox: JSON for programs, pages for people; the ledger counts every message that came.

A message is written by whoever could reach the simulator, so the pages treat it as hostile: no script runs anywhere, text is
escaped, and an HTML mail is shown only inside a sandboxed frame whose own policy forbids loading anything.
"""

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from waybill.simulators.mailbox import Mailbox, Received
from waybill.simulators.serving import livez, problem

_MAX_LIMIT = 1_000
_LEDGER_PAGE = 10_000
_SHARED_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563eb; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1.5rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; }
h1 { margin: 0; font-size: 1.5rem; flex: 1; }
a { color: var(--accent); }
form { display: flex; gap: .5rem; }
input, button { font: inherit; padding: .3rem .6rem; border: 1px solid var(--line); border-radius: .4rem; }
table { width: 100%; border-collapse: collapse; margin-top: 1rem; }
th, td { text-align: left; padding: .5rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:hover { background: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: 1rem; border-radius: .4rem; }
iframe { width: 100%; height: 40rem; border: 1px solid var(--line); border-radius: .4rem; background: #fff; }
.empty { padding: 3rem; text-align: center; opacity: .7; }
"""


def mailbox_routes(mailbox: Mailbox, path: str, title: str) -> Sequence[Route]:
    """Return the routes below ``path`` that list, show and clear the mailbox."""
    return [
        Route("/livez", livez),
        Route(f"{path}/messages", partial(_list, mailbox), methods=["GET"]),
        Route(f"{path}/messages", partial(_delete, mailbox), methods=["DELETE"]),
        Route(f"{path}/ledger", partial(_ledger, mailbox), methods=["GET"]),
        Route(f"{path}/", partial(_index, mailbox, path, title), methods=["GET"]),
        Route(f"{path}/clear", partial(_clear, mailbox, path), methods=["POST"]),
        Route(f"{path}/style.css", _style, methods=["GET"]),
        Route(f"{path}/{{seq:int}}", partial(_show, mailbox, path), methods=["GET"]),
        Route(f"{path}/{{seq:int}}/html", partial(_html_part, mailbox), methods=["GET"]),
    ]


async def _list(mailbox: Mailbox, request: Request) -> Response:
    query = request.query_params
    limit = query.get("limit", "100")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MAX_LIMIT:
        return problem(400, "Not a page", f"limit is a number from 1 to {_MAX_LIMIT}")
    found = mailbox.messages(
        to=query.get("to"), order_id=query.get("order_id"), message_id=query.get("message_id"), limit=int(limit)
    )
    return JSONResponse({"items": [each.as_json() for each in found], **mailbox.totals()})


async def _ledger(mailbox: Mailbox, request: Request) -> Response:
    """Show how often each message has come since the box was emptied, page by page: `after` is a page's `next_cursor`."""
    after = request.query_params.get("after", "0")
    if not after.isdecimal():
        return problem(400, "Not a page", "after is the next_cursor of the page before")
    found = mailbox.counted(int(after), _LEDGER_PAGE)
    items = [
        {"message_id": each.message_id, "count": each.count, "received_at": each.received_at.isoformat()} for each in found
    ]
    cursor = str(found[-1].seq) if len(found) == _LEDGER_PAGE else None
    return JSONResponse({"since": mailbox.since.isoformat(), "items": items, "next_cursor": cursor})


async def _delete(mailbox: Mailbox, _: Request) -> Response:
    mailbox.clear()
    return Response(status_code=204)


async def _clear(mailbox: Mailbox, path: str, _: Request) -> Response:
    mailbox.clear()
    return RedirectResponse(f"{path}/", 303)


async def _style(_: Request) -> Response:
    return Response(_STYLE, media_type="text/css", headers=_SHARED_HEADERS)


async def _index(mailbox: Mailbox, path: str, title: str, request: Request) -> Response:
    to = request.query_params.get("to", "")
    found = mailbox.messages(to=to or None)
    totals = mailbox.totals()
    rows = "".join(_row(path, each) for each in found)
    table = (
        f"<table><thead><tr><th>To<th>Message<th>Order<th>Times<th>Received (UTC)</thead><tbody>{rows}</tbody></table>"
        if rows
        else '<p class="empty">Nothing here yet.</p>'
    )
    body = (
        f"<header><h1>{escape(title)}</h1>"
        f'<form role="search"><input name="to" type="search" aria-label="Recipient" placeholder="Recipient" '
        f'value="{escape(to)}"><button>Search</button></form>'
        f'<form method="post" action="{path}/clear"><button>Clear</button></form></header>'
        f"<p>{totals['total']} messages, delivered {totals['deliveries']} times. "
        f'<a href="{path}/messages">JSON</a></p>{table}'
    )
    return _page(path, title, body, refresh=not to)


def _row(path: str, message: Received) -> str:
    content = message.content
    text = content.get("subject") or content.get("body") or "(no subject)"
    cells = (
        escape(_recipients(content)),
        f'<a href="{path}/{message.seq}">{escape(str(text))}</a>',
        escape(message.order_id or ""),
        str(message.count),
        f"{message.received_at:%Y-%m-%d %H:%M:%S}",
    )
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells)


async def _show(mailbox: Mailbox, path: str, request: Request) -> Response:
    message = mailbox.message(request.path_params["seq"])
    if message is None:
        return problem(404, "No such message", "It was cleared or never came.")
    content = message.content
    title = str(content.get("subject") or f"To {_recipients(content)}")
    facts = {
        "From": content.get("from"),
        "To": _recipients(content),
        "Order": message.order_id,
        "Message-ID": message.message_id,
        "Delivered": f"{message.count} times, first at {message.received_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    listed = "".join(f"<dt>{name}<dd>{escape(str(value))}" for name, value in facts.items() if value)
    parts = ""
    if content.get("html"):
        parts += f'<h2>HTML</h2><iframe sandbox title="HTML part" src="{path}/{message.seq}/html"></iframe>'
    if text := content.get("text") or content.get("body"):
        parts += f"<h2>Text</h2><pre>{escape(str(text))}</pre>"
    if not parts:
        parts = '<p class="empty">The contents were dropped to make room.</p>'
    body = f'<p><a href="{path}/">All messages</a></p><header><h1>{escape(title)}</h1></header><dl>{listed}</dl>{parts}'
    return _page(path, title, body)


async def _html_part(mailbox: Mailbox, request: Request) -> Response:
    message = mailbox.message(request.path_params["seq"])
    if message is None or not message.content.get("html"):
        return problem(404, "No HTML", "This message has no HTML part.")
    return HTMLResponse(message.content["html"], headers={**_SHARED_HEADERS, "Content-Security-Policy": _MAIL_POLICY})


def _recipients(content: Any) -> str:
    to = content.get("to", "")
    return ", ".join(to) if isinstance(to, list) else str(to)


def _page(path: str, title: str, body: str, *, refresh: bool = False) -> Response:
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{again}'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{path}/style.css"></head><body>{body}</body></html>'
    )
    return HTMLResponse(document, headers={**_SHARED_HEADERS, "Content-Security-Policy": _PAGE_POLICY})
