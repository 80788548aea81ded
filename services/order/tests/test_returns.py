"""Returns by the model alone: what may come back and when, what came, and what the customer has back for it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis.domain import Refusal, new_id
from chassis.testing import MORNING, cause
from contracts.order import (
    Disposition,
    RefundReason,
    RefundRequested,
    ReturnApproved,
    ReturnClosed,
    ReturnDeclined,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
    ReturnRequested,
)
from order.model import (
    Inspected,
    Order,
    OrderReturn,
    Receipt,
    ReturnLinesError,
    ReturnPolicy,
    ReturnRefusedError,
    ReturnStage,
    ReturnStateError,
    ReturnWish,
    Terms,
)
from order.model.order_return import ReceiptReusedError
from services.order.tests.test_model import confirmed
from services.order.tests.test_refunds import ask, paid, units

MUGS_AND_PENS = (("MUG", 1250, 2, 0), ("PEN", 199, 3, 0))
SUPPORT = ReturnPolicy()


def delivered() -> Order:
    return paid(*MUGS_AND_PENS, terms=Terms())


def wish(order: Order, quantity: int, item: int = 0, reason: ReturnReason = ReturnReason.DOES_NOT_FIT) -> ReturnWish:
    return ReturnWish(order.items[item].item_id, quantity, reason)


def asked(order: Order, *wishes: ReturnWish, policy: ReturnPolicy = SUPPORT) -> OrderReturn:
    return order.request_return(wishes or [wish(order, 2)], "too small", policy, {}, cause("customer:ada"))[0]


def approved(order: Order, *wishes: ReturnWish, policy: ReturnPolicy = SUPPORT) -> OrderReturn:
    back = asked(order, *wishes, policy=policy)
    order.approve_return(back.return_id, policy, cause("support:sue"))
    return back


def came(order: Order, quantity: int, disposition: Disposition = Disposition.RESTOCK, *, refund: bool = True) -> Receipt:
    return Receipt(new_id(), "berlin", [Inspected(order.items[0].item_id, quantity, disposition, refund)])


def kinds(facts: Sequence[object]) -> list[type]:
    return [type(fact) for fact in facts]


# --- what may come back ------------------------------------------------------------------------------------------------------


def test_support_decides_or_the_policy_agrees_at_once() -> None:
    order = delivered()
    back, facts = order.request_return([wish(order, 1)], "", SUPPORT, {}, cause("customer:ada"))
    assert kinds(facts) == [ReturnRequested]
    assert (back.state, order.return_state) == (ReturnStage.REQUESTED, "requested")
    fact = order.approve_return(back.return_id, SUPPORT, cause("support:sue"), "fine")
    assert (fact.refund_amount.amount, back.decided_by, order.return_state) == (1250, "support:sue", "approved")
    easy = ReturnPolicy(auto_approve=True)
    _, facts = order.request_return([wish(order, 1)], "", easy, {}, cause("customer:ada"))
    assert kinds(facts) == [ReturnRequested, ReturnApproved]


def test_only_what_was_delivered_and_is_still_there_comes_back() -> None:
    order = confirmed()
    for do in (lambda: None, lambda: order.dispatch(order.shipments[0].shipment_id, cause())):
        do()
        with pytest.raises(ReturnLinesError, match="0 units were delivered"):
            asked(order)
    order.deliver(order.shipments[0].shipment_id, cause())
    asked(order, wish(order, 1))
    with pytest.raises(ReturnLinesError, match="1 units were delivered"):
        asked(order, wish(order, 2))
    with pytest.raises(ReturnLinesError):
        asked(order, wish(order, 1), wish(order, 1))
    with pytest.raises(ReturnLinesError):
        asked(order, ReturnWish(uuid4(), 1, ReturnReason.OTHER))
    assert len(order.returns) == 1


def test_a_unit_has_its_money_back_with_a_return_or_without_one() -> None:
    order = delivered()
    ask(order, lines=units(order, 1))
    with pytest.raises(ReturnLinesError):
        asked(order, wish(order, 2))
    asked(order, wish(order, 1))
    with pytest.raises(Refusal, match="1 come back with a return"):
        ask(order, lines=units(order, 1))


@pytest.mark.parametrize(
    ("days", "tax_class", "allowed"), [(14, "", True), (15, "", False), (31, "books", False), (30, "books", True)]
)
def test_the_window_is_counted_from_delivery_and_by_class(days: int, tax_class: str, *, allowed: bool) -> None:
    order = delivered()
    policy = ReturnPolicy(window_days={"default": 14, "books": 30})
    later = cause("customer:ada", at=MORNING + timedelta(days=days))
    if allowed:
        assert order.request_return([wish(order, 1)], "", policy, {"MUG": tax_class}, later)[0].state == "requested"
        return
    with pytest.raises(ReturnRefusedError) as refused:
        order.request_return([wish(order, 1)], "", policy, {"MUG": tax_class}, later)
    assert (refused.value.facts["reason"], order.returns, order.return_state) == ("window_over", [], "none")


def test_what_was_sold_for_good_stays() -> None:
    order = delivered()
    with pytest.raises(ReturnRefusedError) as refused:
        asked(order, wish(order, 1), policy=ReturnPolicy(final_sale=["MUG"]))
    assert refused.value.facts["reason"] == "final_sale"
    assert asked(order, wish(order, 1, item=1), policy=ReturnPolicy(final_sale=["MUG"])).units == 1


# --- how it ends -------------------------------------------------------------------------------------------------------------


def test_the_customer_withdraws_and_the_units_may_come_back_another_time() -> None:
    order = delivered()
    back = approved(order)
    fact = order.decline_return(back.return_id, ReturnRefusal.CUSTOMER, cause("customer:ada"))
    assert (fact.reason, back.state, back.deadline_at, order.return_state) == ("customer", "declined", None, "none")
    with pytest.raises(ReturnStateError):
        order.approve_return(back.return_id, SUPPORT, cause())
    assert asked(order).units == 2


def test_what_does_not_come_in_time_is_not_waited_for_and_may_be_taken_after_all() -> None:
    order = delivered()
    back = approved(order)
    assert back.deadline_at == MORNING + timedelta(days=30)
    assert kinds(order.expire_return(back.return_id, cause("deadline"))) == [ReturnDeclined]
    assert (back.reason, order.expire_return(back.return_id, cause("deadline"))) == ("not_received", [])
    order.approve_return(back.return_id, SUPPORT, cause("support:sue"))
    order.receive_return(back.return_id, came(order, 1), cause("warehouse:wim"))
    assert kinds(order.expire_return(back.return_id, cause("deadline"))) == [ReturnClosed]
    assert (back.state, order.return_state) == ("closed", "closed")
    assert asked(order, wish(order, 1)).units == 1, "the unit that did not come is the customer's still"


def test_what_was_declined_is_not_taken_where_another_return_has_it() -> None:
    order = delivered()
    back = asked(order)
    order.decline_return(back.return_id, ReturnRefusal.STAFF, cause("support:sue"))
    asked(order, wish(order, 1))
    with pytest.raises(ReturnLinesError):
        order.approve_return(back.return_id, SUPPORT, cause("support:sue"))


COMMANDS: dict[str, Callable[[Order, UUID], object]] = {
    "approve": lambda order, key: order.approve_return(key, SUPPORT, cause()),
    "decline": lambda order, key: order.decline_return(key, ReturnRefusal.STAFF, cause()),
    "receive": lambda order, key: order.receive_return(key, came(order, 1), cause()),
    "close": lambda order, key: order.close_return(key, cause()),
}
ALLOWED = {
    "requested": {"approve", "decline"},
    "approved": {"decline", "receive", "close"},
    "partially_received": {"receive", "close"},
    "received": set(),
    "closed": set(),
    "declined": {"approve"},
}


@pytest.mark.parametrize("stage", list(ALLOWED))
@pytest.mark.parametrize("command", list(COMMANDS))
def test_each_command_in_each_stage(stage: str, command: str) -> None:
    order = delivered()
    back = asked(order)
    if stage == "declined":
        order.decline_return(back.return_id, ReturnRefusal.STAFF, cause())
    elif stage != "requested":
        order.approve_return(back.return_id, SUPPORT, cause())
    for _ in range({"partially_received": 1, "closed": 1, "received": 2}.get(stage, 0)):
        order.receive_return(back.return_id, came(order, 1), cause())
    if stage == "closed":
        order.close_return(back.return_id, cause())
    assert back.state == stage
    before = order.model_dump(), back.model_dump()
    if command in ALLOWED[stage]:
        COMMANDS[command](order, back.return_id)
        assert back.model_dump() != before[1]
    else:
        with pytest.raises(ReturnStateError):
            COMMANDS[command](order, back.return_id)
        assert (order.model_dump(), back.model_dump()) == before


# --- what came ---------------------------------------------------------------------------------------------------------------


def test_units_come_in_parts_each_with_its_money_and_the_fee_is_taken_once() -> None:
    order = delivered()
    policy = ReturnPolicy(fees={ReturnReason.DOES_NOT_FIT: 450})
    back = approved(order, policy=policy)
    assert back.refund_amount == 2050
    first = order.receive_return(back.return_id, came(order, 1), cause("warehouse:wim"))
    second = order.receive_return(back.return_id, came(order, 1, Disposition.DAMAGED), cause("warehouse:wim"))
    assert kinds(second) == [ReturnReceived, RefundRequested, ReturnClosed]
    assert kinds(first) == kinds(second)[:2]
    refunds = [fact for part in (first, second) for fact in part if isinstance(fact, RefundRequested)]
    assert [(one.amount.amount, one.reason, one.return_id) for one in refunds] == [
        (800, RefundReason.RETURN, back.return_id),
        (1250, RefundReason.RETURN, back.return_id),
    ]
    assert (order.return_state, order.refunds[0].kept_amount) == ("received", 450)


def test_a_return_for_the_shops_fault_costs_the_customer_nothing() -> None:
    order = delivered()
    policy = ReturnPolicy(fees={ReturnReason.DOES_NOT_FIT: 450})
    wishes = [wish(order, 1), wish(order, 1, reason=ReturnReason.DAMAGED)]
    assert asked(order, *wishes, policy=policy).fee_amount == 0


def test_a_fee_above_the_worth_leaves_nothing_to_give_back() -> None:
    order = delivered()
    back = approved(order, wish(order, 2), policy=ReturnPolicy(fees={ReturnReason.DOES_NOT_FIT: 2000}))
    facts = order.receive_return(back.return_id, came(order, 1), cause())
    assert kinds(facts) == [ReturnReceived]
    facts = order.receive_return(back.return_id, came(order, 1), cause())
    assert [fact.amount.amount for fact in facts if isinstance(fact, RefundRequested)] == [500]


def test_a_receipt_that_is_told_again_is_taken_in_once() -> None:
    order = delivered()
    back = approved(order)
    receipt = came(order, 1)
    assert order.receive_return(back.return_id, receipt, cause())
    before = order.model_dump(), back.model_dump(), len(order.refunds)
    assert order.receive_return(back.return_id, receipt, cause()) == []
    other = Receipt(receipt.receipt_id, "berlin", [Inspected(order.items[0].item_id, 2, Disposition.RESTOCK)])
    with pytest.raises(ReceiptReusedError):
        order.receive_return(back.return_id, other, cause())
    assert (order.model_dump(), back.model_dump(), len(order.refunds)) == before


def test_more_than_was_agreed_is_not_taken_in() -> None:
    order = delivered()
    back = approved(order, wish(order, 1))
    for receipt in (came(order, 2), Receipt(new_id(), "berlin", [Inspected(order.items[1].item_id, 1, Disposition.RESTOCK)])):
        with pytest.raises(ReturnLinesError):
            order.receive_return(back.return_id, receipt, cause())
    assert (back.state, back.receipts, order.refunds) == ("approved", [], [])


def test_units_that_are_not_right_come_back_without_money() -> None:
    order = delivered()
    back = approved(order)
    facts = order.receive_return(back.return_id, came(order, 2, Disposition.WRITE_OFF, refund=False), cause())
    assert kinds(facts) == [ReturnReceived, ReturnClosed]
    assert (order.refunds, order.refundable_amount) == ([], order.captured_amount)


def test_a_goodwill_before_is_not_given_twice() -> None:
    order = delivered()
    ask(order, amount=order.captured_amount - 500)
    back = approved(order)
    facts = order.receive_return(back.return_id, came(order, 2), cause())
    assert [fact.amount.amount for fact in facts if isinstance(fact, RefundRequested)] == [500]
    assert (order.refundable_amount, order.hold_reason) == (0, None)


def test_money_that_is_still_being_taken_is_given_back_all_the_same() -> None:
    order = delivered()
    back = approved(order)
    order.captured_amount = 1000
    facts = order.receive_return(back.return_id, came(order, 2), cause())
    assert [fact.amount.amount for fact in facts if isinstance(fact, RefundRequested)] == [2500], "payment waits for it"
    assert order.hold_reason is None
