"""The page of the cardholder's bank, where it asks who pays (3-D Secure): two buttons, and what came of them."""

from html import escape
from typing import Final

from starlette.responses import HTMLResponse

from waybill.simulators.psp.ledger import Intent

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Your bank</title>
<style>
body {{ font: 16px/1.5 system-ui; max-width: 28rem; margin: 4rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1rem }}
</style>
<h1>Your bank (simulated)</h1>
<p>Do you pay <strong>{amount}</strong>?</p>
{rest}
</html>
"""
_BUTTONS: Final = """<form method="post">
<button name="outcome" value="approve">Approve</button>
<button name="outcome" value="fail">It is not me</button>
</form>"""
_DONE: Final = {
    "requires_capture": "Approved. You can close this page.",
    "succeeded": "Approved. You can close this page.",
    "requires_payment_method": "Refused. Nothing is paid.",
    "canceled": "It is too late: the shop does not wait any more.",
}


def page(intent: Intent) -> HTMLResponse:
    """Show what the bank asks, or what came of it."""
    whole, cents = divmod(intent.amount, 100)
    said = _DONE.get(intent.status, intent.status)
    rest = _BUTTONS if intent.status == "requires_action" else f"<p>{escape(said)}</p>"
    return HTMLResponse(_PAGE.format(amount=escape(f"{whole}.{cents:02d} {intent.currency.upper()}"), rest=rest))
