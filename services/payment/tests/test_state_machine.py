"""Whatever happens to an order, in any order and any number of times: its money adds up after every single step.

The reactions and outcomes are the service's own, on stores in memory, with a PSP that fails, is slow to be heard, or is heard
twice. Hypothesis chooses what happens next. After each step the ledger sums to zero and is what the payments say, nothing is
taken that is not held, and nothing is answered twice; when all has been heard, everything that needs an answer has one, the
PSP's books are ours, and nothing is held for an order that is cancelled or a change that is withdrawn.
"""

from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chassis.domain import Cause, new_id
from chassis.testing import MORNING
from contracts import Event
from contracts.inventory import AdditionReserved, StockReserved
from contracts.order import (
    CancelReason,
    ChangeKind,
    ChangeRefusal,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    RefundReason,
    RefundRequested,
    ShipmentDispatched,
)
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    IncidentKind,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentIncident,
    PaymentReduced,
    PaymentRefunded,
    PaymentVoided,
    RefundFailed,
)
from contracts.types import Money
from payment import handlers
from payment.gateway import DisputeHeard, StubPsp, WebhookHeard
from payment.handlers import DisputeNotice
from payment.model import (
    Account,
    Action,
    Attempt,
    Capture,
    Dispute,
    Entry,
    OrderFunds,
    Payment,
    PaymentKey,
    Reduction,
    Refund,
    Status,
)
from payment.store import (
    AllotmentDue,
    AuthorizationDue,
    CaptureDue,
    DrawDue,
    ExpiryDue,
    InquiryDue,
    RefundDue,
    RefundPartDue,
    VoidDue,
)

COMMANDS: Final = 10_000
TOTAL: Final = 3000
CHANGES: Final = 3
PARCELS: Final = 5
REFUNDS: Final = 4
TOKENS: Final = ["tok_ok", "tok_ok", "tok_declined", "tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed"]
FAULTS: Final = ["timeout_done", "timeout_lost", "error"]
AMOUNTS: Final = st.sampled_from([1, 300, 500, 1000, 1500, 2000, 3000, 3200, 4000])
ADDED: Final = st.sampled_from([0, 500, 1000])
SELDOM: Final = st.integers(0, 7).map(lambda drawn: drawn == 0)


class Payments:
    """Stands for the payments' store."""

    def __init__(self) -> None:
        self.rows: list[Payment] = []
        self.attempts: list[Attempt] = []

    def of(self, _: UUID) -> Sequence[Payment]:
        return self.rows

    def get(self, key: PaymentKey) -> Payment | None:
        return next((one for one in self.rows if one.key == key), None)

    def known(self, _: UUID, payment_id: UUID) -> Payment:
        return next(one for one in self.rows if one.payment_id == payment_id)

    def add(self, payment: Payment) -> Payment:
        self.rows.append(payment)
        return payment

    def log(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


class Captures:
    """Stands for the captures' store."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Capture] = {}

    def get(self, _: UUID, shipment_id: UUID) -> Capture | None:
        return self.rows.get(shipment_id)

    def known(self, _: UUID, shipment_id: UUID) -> Capture:
        return self.rows[shipment_id]

    def of(self, _: UUID) -> Sequence[Capture]:
        return list(self.rows.values())

    def add(self, capture: Capture) -> Capture:
        self.rows[capture.shipment_id] = capture
        return capture


class Reductions:
    """Stands for the reductions' store."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Reduction] = {}

    def knows(self, _: UUID, change_id: UUID) -> bool:
        return change_id in self.rows

    def add(self, reduction: Reduction) -> None:
        self.rows[reduction.change_id] = reduction


class Refunds:
    """Stands for the refunds' store."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Refund] = {}

    def get(self, _: UUID, refund_id: UUID) -> Refund | None:
        return self.rows.get(refund_id)

    def known(self, _: UUID, refund_id: UUID) -> Refund:
        return self.rows[refund_id]

    def of(self, _: UUID) -> Sequence[Refund]:
        return list(self.rows.values())

    def add(self, refund: Refund) -> Refund:
        self.rows[refund.refund_id] = refund
        return refund


class Reviews:
    """Stands for the reviews' store: nothing is risky here."""

    def note_decline(self, order_id: UUID) -> None:
        """Nobody counts."""


class Disputes:
    """Stands for the disputes' store."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Dispute] = {}

    def get(self, _: UUID, dispute_id: UUID) -> Dispute | None:
        return self.rows.get(dispute_id)

    def of(self, _: UUID) -> Sequence[Dispute]:
        return list(self.rows.values())

    def add(self, dispute: Dispute) -> Dispute:
        self.rows[dispute.dispute_id] = dispute
        return dispute


def done(call: Coroutine[Any, Any, Any]) -> Any:
    """Answer what a call to the PSP in this process answers, which never waits."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the PSP in this process made us wait")


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


class OrderMoney(RuleBasedStateMachine):
    """One order's money; each rule is something that may happen next, a command."""

    commands: ClassVar[int] = 0
    """How many were given in all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.order_id = new_id()
        self.now = MORNING
        self.psp = StubPsp()
        self.psp.holds_until = MORNING + timedelta(days=7)
        self.payments, self.captures, self.reductions = Payments(), Captures(), Reductions()
        self.refunds, self.disputes = Refunds(), Disputes()
        self.refund_ids = [new_id() for _ in range(REFUNDS)]
        self.late = 0
        """What the PSP took though nobody asked it to."""
        self.changes = [new_id() for _ in range(CHANGES)]
        self.parcels = [new_id() for _ in range(PARCELS)]
        self.tokens: dict[UUID | None, str] = {}
        self.sizes: dict[UUID, int] = {}
        self.answers: list[Any] = []
        """What the PSP answered and nobody has heard yet."""
        self.facts: list[Event] = []
        self.withdrawn: set[UUID] = set()
        self.cancelled = False

    # --- the world ----------------------------------------------------------------------------------------------------

    @initialize(
        token=st.sampled_from(TOKENS), held=st.integers(-1, CHANGES), sizes=st.lists(ADDED, min_size=CHANGES, max_size=CHANGES)
    )
    def place(self, token: str, held: int, sizes: list[int]) -> None:
        """Begin with nothing, or with the order's total held, and so many additions."""
        self.tokens[None] = token
        self.tokens |= {change: TOKENS[number % len(TOKENS)] for number, change in enumerate(self.changes)}
        if held >= 0:
            self.tokens[None] = "tok_ok"
            self.reserve()
            self.work()
            for number in range(held):
                self.add(number, sizes[number], "tok_ok")
                self.work()

    @rule()
    def reserve(self) -> None:
        self._hears(StockReserved(**self._order(), total_amount=euros(TOTAL), allocations=[]))

    @precondition(lambda self: self.payments.rows)
    @rule(number=st.integers(0, CHANGES - 1), amount=ADDED, token=st.sampled_from(TOKENS))
    def add(self, number: int, amount: int, token: str) -> None:
        change = self.changes[number]
        self.tokens[change] = token if self.payments.get(PaymentKey(self.order_id, change)) is None else self.tokens[change]
        amount = self.sizes.setdefault(change, amount)
        self._hears(AdditionReserved(**self._order(), change_id=change, difference=euros(amount), allocations=[]))

    @precondition(lambda self: self.payments.rows)
    @rule(number=st.integers(0, CHANGES - 1))
    def withdraw(self, number: int) -> None:
        self.withdrawn.add(self.changes[number])
        self._hears(
            OrderChangeWithdrawn(**self._order(), change_id=self.changes[number], reason=ChangeRefusal.PAYMENT_DECLINED)
        )

    @precondition(lambda self: self.payments.rows)
    @rule(
        number=st.integers(0, CHANGES - 1),
        less=AMOUNTS,
        kind=st.sampled_from([ChangeKind.REDUCTION, ChangeKind.REST_CANCELLED, ChangeKind.ADDITION, ChangeKind.ADDRESS]),
    )
    def change(self, number: int, less: int, kind: ChangeKind) -> None:
        change_id = UUID(int=self.changes[number].int ^ 1)
        previous, now = euros(TOTAL), euros(max(TOTAL - less, 0))
        event = OrderChanged(
            **self._order(), change_id=change_id, kind=kind, items=[], total_amount=now, previous_total=previous
        )
        self._hears(event)

    @rule(number=st.integers(0, PARCELS - 1), amount=AMOUNTS)
    def dispatch(self, number: int, amount: int) -> None:
        shipment = self.parcels[number]
        amount = self.sizes.setdefault(shipment, amount)
        event = ShipmentDispatched(**self._order(), shipment_id=shipment, warehouse_id="north", lines=[], amount=euros(amount))
        self._hears(event)

    @precondition(lambda self: self.payments.rows)
    @rule(number=st.integers(0, REFUNDS - 1), amount=AMOUNTS)
    def ask_back(self, number: int, amount: int) -> None:
        refund_id = self.refund_ids[number]
        amount = self.sizes.setdefault(refund_id, amount)
        self._hears(RefundRequested(**self._order(), refund_id=refund_id, amount=euros(amount), reason=RefundReason.GOODWILL))

    @rule(really=SELDOM)
    def cancel(self, really: bool = True) -> None:  # noqa: FBT001, FBT002 - drawn
        if not really:
            return
        self.cancelled = True
        self._hears(OrderCancelled(**self._order(), reason=CancelReason.CUSTOMER, total_amount=euros(TOTAL)))

    # --- the PSP ------------------------------------------------------------------------------------------------------

    @rule(fault=st.sampled_from(FAULTS), really=SELDOM)
    def fail(self, fault: Any, really: bool) -> None:  # noqa: FBT001 - drawn
        if really:
            self.psp.misbehave(fault)

    @precondition(lambda self: self.psp.books)
    @rule(number=st.integers(0, 3), really=SELDOM)
    def lapse(self, number: int, really: bool) -> None:  # noqa: FBT001 - drawn
        """Have the PSP let a hold go of which nothing was taken, and say so."""
        books = [one for one in self.psp.books.values() if one.open == one.authorized and really]
        if books:
            one = books[number % len(books)]
            one.canceled, one.open = True, 0
            self.notice(number=0, key=one.key)

    @precondition(lambda self: self.cancelled and self.psp.books)
    @rule(number=st.integers(0, 3))
    def take_unasked(self, number: int) -> None:
        """Have somebody capture, in the PSP's own pages, what is to be let go of a cancelled order."""
        letting_go = {one.psp_reference for one in self.payments.rows if one.status == Status.VOIDING and not one.withdrawn}
        books = [reference for reference, one in self.psp.books.items() if one.open and reference in letting_go]
        if books:
            reference = books[number % len(books)]
            before = self.psp.books[reference].captured
            self.psp.take_unasked(reference)
            self.late += self.psp.books[reference].captured - before

    @precondition(lambda self: self.payments.rows)
    @rule(number=st.integers(0, 3))
    def expire(self, number: int) -> None:
        """Come to the moment before a hold lapses at which a person is told."""
        one = self.payments.rows[number % len(self.payments.rows)]
        if one.status == Status.AUTHORIZED:
            due = ExpiryDue(self.order_id, one.payment_id, self._cause())
            self._tells(handlers.warn_of_expiry(due, self.payments, self._cause()))  # type: ignore[arg-type]

    @precondition(lambda self: any(one.captured_amount for one in self.payments.rows))
    @rule(number=st.integers(0, 1), amount=AMOUNTS, closed=st.booleans(), won=st.booleans())
    def dispute(self, number: int, amount: int, closed: bool, won: bool) -> None:  # noqa: FBT001 - drawn
        """Have a bank take money back, or decide; the notices come in any order."""
        one = next(one for one in self.payments.rows if one.captured_amount)
        heard = DisputeHeard(f"dp_{number}", one.psp_reference or "", amount, "fraudulent", None, closed, won)
        notice = DisputeNotice(self.order_id, one.payment_id, heard)
        self._tells(handlers.hear_dispute(notice, self.payments, self.disputes, self._cause()).events)  # type: ignore[arg-type]

    @precondition(lambda self: self.payments.rows)
    @rule(number=st.integers(0, 3))
    def notice(self, number: int, key: PaymentKey | None = None) -> None:
        key = key or self.payments.rows[number % len(self.payments.rows)].key
        heard = WebhookHeard(key, "payment_intent.canceled", doubtful=True)
        handlers.hear_webhook(heard, self.payments, self.captures, self._cause())  # type: ignore[arg-type]

    @rule(number=st.integers(0, 3))
    def ask_to_authorize(self, number: int) -> None:
        waiting = [one for one in self.payments.rows if one.action == Action.AUTHORIZE]
        if waiting:
            one = waiting[number % len(waiting)]
            one.begin(self.now, self.now + timedelta(seconds=20))
            due = AuthorizationDue.begun(one, "card", self.tokens[one.change_id], self.now)
            self.answers.append(done(handlers.authorize(due, self.psp)))

    @rule(number=st.integers(0, 3), action=st.sampled_from([Action.VOID, Action.REFUND, Action.INQUIRE]))
    def ask(self, number: int, action: Action) -> None:
        waiting = [one for one in self.payments.rows if one.action == action]
        if action is Action.REFUND:
            parts = [part.payment_id for refund in self.refunds.rows.values() for part in refund.parts if part.pending]
            waiting = [one for one in waiting if one.payment_id not in parts]
        if waiting:
            one = waiting[number % len(waiting)]
            kind: Any = {Action.VOID: VoidDue, Action.REFUND: RefundDue, Action.INQUIRE: InquiryDue}[action]
            taken = one.money(one.captured_amount - one.refunded_amount)
            due = kind(one.key, one.payment_id, one.psp_reference, taken, self._cause())
            call: Any = getattr(handlers, action)
            self.answers.append(done(call(due, self.psp)))

    @rule()
    def ask_to_capture(self) -> None:
        pending = sorted((one for one in self.captures.rows.values() if one.pending), key=lambda one: one.capture_id)
        if pending and (draw := pending[0].next_draw) is not None:
            one = self.payments.known(self.order_id, draw.payment_id)
            if draw.sent_at is None:
                draw.sent_at, draw.final = self.now, draw.amount == one.open_amount
            pending[0].sent_at = pending[0].sent_at or self.now
            due = CaptureDue(
                one.key, one.payment_id, draw.shipment_id, one.psp_reference, euros(draw.amount), draw.final, self._cause()
            )
            self.answers.append(done(handlers.capture(due, self.psp)))

    @rule()
    def draw(self) -> None:
        if self.payments.rows and not any(one.status == Status.PENDING for one in self.payments.rows):
            for capture in [one for one in self.captures.rows.values() if one.pending and not one.draws]:
                due = DrawDue(self.order_id, capture.shipment_id, self._cause())
                self._tells(handlers.draw(due, self.payments, self.captures, self._cause()))  # type: ignore[arg-type]

    @rule()
    def allot(self) -> None:
        for refund in [one for one in self.refunds.rows.values() if one.pending and not one.parts]:
            refund.attempts += 1
            due = AllotmentDue(self.order_id, refund.refund_id, self._cause())
            arguments: Any = (due, self.payments, self.captures, self.refunds, self.disputes, self._cause())
            self._tells(handlers.allot(*arguments))

    @rule(number=st.integers(0, REFUNDS - 1))
    def ask_to_give_back(self, number: int) -> None:
        drawn = [one for one in self.refunds.rows.values() if one.pending and one.parts]
        if drawn:
            refund = drawn[number % len(drawn)]
            part = next(one for one in refund.parts if one.pending)
            part.sent_at = part.sent_at or self.now
            one = self.payments.known(self.order_id, part.payment_id)
            amount = euros(part.amount)
            due = RefundPartDue(
                one.key, one.payment_id, refund.refund_id, one.psp_reference, amount, part.refusals, self._cause()
            )
            self.answers.append(done(handlers.give_back(due, self.psp)))

    @precondition(lambda self: self.answers)
    @rule(number=st.integers(0, 5))
    def hear(self, number: int) -> None:
        self._outcome(self.answers.pop(number % len(self.answers)))

    @precondition(lambda self: self.answers)
    @rule(number=st.integers(0, 5))
    def hear_twice(self, number: int) -> None:
        self._outcome(self.answers[number % len(self.answers)])

    @precondition(lambda self: self.answers)
    @rule()
    def lose(self) -> None:
        self.answers.pop(0)

    @rule()
    def work(self) -> None:
        """Ask what is due, and hear the answers at once."""
        self._ask_all()
        while self.answers:
            self.hear(0)

    @rule()
    def work_on(self) -> None:
        """Do the same: work is what happens most."""
        self.work()

    def _ask_all(self) -> None:
        for number in range(4):
            self.ask_to_authorize(number)
            for action in (Action.VOID, Action.REFUND, Action.INQUIRE):
                self.ask(number, action)
        self.draw()
        self.ask_to_capture()
        self.allot()
        for number in range(REFUNDS):
            self.ask_to_give_back(number)

    # --- what happens then --------------------------------------------------------------------------------------------

    def _order(self) -> dict[str, Any]:
        return {"order_id": self.order_id, "user_id": "alice"}

    def _cause(self) -> Cause:
        return Cause("test", self.now, new_id(), str(self.order_id))

    def _hears(self, event: Event) -> None:
        stores: dict[str, Any] = {
            "payments": self.payments,
            "captures": self.captures,
            "reductions": self.reductions,
            "refunds": self.refunds,
            "disputes": self.disputes,
            "cash": None,  # nobody in these stories pays at the door
        }
        function = handlers.react.functions[type(event)].call
        wanted = {name: stores[name] for name in function.__annotations__ if name in stores}
        self._tells(function(event, cause=self._cause(), **wanted))

    def _outcome(self, outcome: Any) -> None:
        stores: dict[str, Any] = {
            "payments": self.payments,
            "captures": self.captures,
            "refunds": self.refunds,
            "reviews": Reviews(),
            "exchanges": None,  # nothing is exchanged here
        }
        function = handlers.jobs.outcomes[type(outcome)].call
        wanted = {name: stores[name] for name in function.__annotations__ if name in stores}
        self._tells(function(outcome, cause=self._cause(), **wanted))

    def _tells(self, told: Event | Sequence[Event] | None) -> None:
        self.facts += [] if told is None else [told] if isinstance(told, Event) else told

    def _told(self, *kinds: type[Event]) -> Counter[UUID]:
        """Count facts of some kinds by what they are about: the shipment, the change, the refund, or the order."""
        return Counter(
            next(filter(None, (getattr(fact, name, None) for name in ("shipment_id", "change_id", "refund_id"))), self.order_id)
            for fact in self.facts
            if isinstance(fact, kinds)
        )

    # --- what is true after each step ---------------------------------------------------------------------------------

    @invariant()
    def each_command_counts(self) -> None:
        type(self).commands += 1
        assert self.now == MORNING, "only what happens matters, not when"

    @invariant()
    def ledger_is_what_the_payments_say(self) -> None:
        for one in self.payments.rows:
            balance = dict.fromkeys(Account, 0)
            for posting in one.postings:
                assert posting.amount > 0
                assert posting.payment_id == one.payment_id
                balance[posting.debit] += posting.amount
                balance[posting.credit] -= posting.amount
            assert sum(balance.values()) == 0
            assert balance[Account.AUTHORIZED] == one.open_amount >= 0
            assert balance[Account.REVENUE] == -one.captured_amount
            assert balance[Account.REFUNDS] == one.refunded_amount <= one.captured_amount
            disputed = sum(each.taken_back for each in self.disputes.rows.values() if each.payment_id == one.payment_id)
            assert balance[Account.DISPUTES] == disputed
            assert balance[Account.CUSTOMER_RECEIVABLE] == 0
            assert balance[Account.PSP_RECEIVABLE] == one.captured_amount - one.refunded_amount - disputed
            places = [(posting.entry, posting.reference) for posting in one.postings]
            assert len(places) == len(set(places)), "a movement is posted once"
            assert 0 <= one.let_go_amount <= one.released_amount

    @invariant()
    def nothing_is_taken_that_is_not_held(self) -> None:
        rows = self.payments.rows
        assert sum(one.captured_amount for one in rows) <= sum(one.authorized_amount for one in rows)
        for one in self.captures.rows.values():
            assert one.taken <= one.amount
            assert sum(draw.amount for draw in one.draws) in {0, one.amount}
            assert len({draw.payment_id for draw in one.draws}) == len(one.draws)
        by_captures = sum(one.taken for one in self.captures.rows.values())
        incidents = [fact for fact in self.facts if isinstance(fact, PaymentIncident)]
        late = sum(fact.amount.amount for fact in incidents if fact.kind is IncidentKind.CAPTURED_AFTER_CANCELLATION)
        expiring = [fact for fact in incidents if fact.kind is IncidentKind.AUTHORIZATION_EXPIRED]
        assert len(expiring) <= sum(one.expires_at is not None and one.warn_at is None for one in rows)
        assert late <= self.late
        assert by_captures + late == sum(one.captured_amount for one in rows)
        for refund in self.refunds.rows.values():
            assert sum(part.amount for part in refund.parts) in {0, refund.amount}
        for payment in rows:
            parts = [part for refund in self.refunds.rows.values() for part in refund.parts]
            promised = sum(part.amount for part in parts if part.payment_id == payment.payment_id and part.pending)
            assert payment.refunded_amount + promised <= payment.captured_amount, "no more is promised than was taken"

    @invariant()
    def nothing_is_told_twice(self) -> None:
        for kinds in (
            (PaymentAuthorized, PaymentDeclined),
            (AdditionAuthorized, AdditionDeclined),
            (AdditionVoided,),
            (PaymentVoided, PaymentRefunded),
            (PaymentCaptured, PaymentCaptureFailed),
            (PaymentReduced,),
            (RefundFailed,),
        ):
            assert all(count == 1 for count in self._told(*kinds).values()), kinds
        assert set(self._told(AdditionVoided)) <= self.withdrawn
        assert self.cancelled or self.order_id not in self._told(PaymentVoided, PaymentRefunded)

    @invariant()
    def rows_could_be_stored(self) -> None:
        for one in self.payments.rows:
            assert (one.action is None) == (one.due_at is None)
            assert one.psp_reference is not None or not one.authorized_amount
            if one.status in {Status.CAPTURED, Status.VOIDED, Status.LAPSED, Status.REFUNDING, Status.REFUNDED}:
                assert one.open_amount == 0
            assert one.returned_amount <= one.refunded_amount
        for capture in self.captures.rows.values():
            assert capture.pending == (capture.due_at is not None)
        for refund in self.refunds.rows.values():
            assert refund.pending == (refund.due_at is not None)

    # --- what is true in the end --------------------------------------------------------------------------------------

    def teardown(self) -> None:
        self._come_to_rest()
        rows = self.payments.rows
        assert all(one.due_at is None for one in rows), [(one.status, one.action, one.code) for one in rows]
        assert set(self._told(AdditionVoided)) == self.withdrawn
        assert self._told(PaymentVoided, PaymentRefunded)[self.order_id] == self.cancelled
        told_of_refunds = self._told(PaymentRefunded) | self._told(RefundFailed)
        assert {refund_id for refund_id in told_of_refunds if refund_id in self.refund_ids} == set(self.refunds.rows)
        if rows:
            assert set(self._told(PaymentCaptured, PaymentCaptureFailed)) == set(self.captures.rows)
            asked = {one.change_id for one in rows if one.sent_at or one.authorized_amount or one.status == Status.AUTHORIZED}
            assert len(self.psp.books) <= len(asked)
        for one in rows:
            self._is_what_the_psp_says(one)
            if one.withdrawn:
                assert one.open_amount == 0
            if self.cancelled:
                assert (one.open_amount, one.captured_amount) == (0, one.refunded_amount)
        told = self._told(PaymentCaptured)
        for shipment, capture in self.captures.rows.items():
            assert (capture.taken == capture.amount) == (shipment in told)
        self._amounts_add_up()

    def _come_to_rest(self) -> None:
        self.psp._faults.clear()  # noqa: SLF001 - the storm is over
        for _ in range(40):
            while self.answers:
                self.hear(0)
            self._ask_all()
            if not self.answers:
                return
        raise AssertionError("it never comes to rest")

    def _is_what_the_psp_says(self, one: Payment) -> None:
        mine = [books for books in self.psp.books.values() if books.key == one.key]
        assert len(mine) <= 1, "the PSP was never asked for the same money twice"
        for books in mine:
            assert (books.authorized, books.captured, books.refunded) == (
                one.authorized_amount,
                one.captured_amount,
                one.refunded_amount,
            )
            lapsed_unheard = books.canceled and one.status == Status.AUTHORIZED
            still_held = one.authorized_amount - one.captured_amount if one.status == Status.AUTHORIZED else 0
            assert lapsed_unheard or books.open == still_held

    def _amounts_add_up(self) -> None:
        """Compare what was told to be let go, reduced and refunded with what happened to what was held."""
        released = sum(one.released_amount for one in self.payments.rows)
        let_go = sum(one.let_go_amount for one in self.payments.rows)
        told = [fact.amount.amount for fact in self.facts if isinstance(fact, AdditionVoided | PaymentVoided)]
        reduced = sum(fact.amount.amount for fact in self.facts if isinstance(fact, PaymentReduced))
        assert sum(told) <= let_go <= released
        undone = [posting for one in self.payments.rows for posting in one.postings if posting.entry == Entry.RELEASE_UNDONE]
        assert reduced <= released + sum(posting.amount for posting in undone)
        refunded = [fact.amount.amount for fact in self.facts if isinstance(fact, PaymentRefunded)]
        assert sum(refunded) == sum(one.refunded_amount for one in self.payments.rows)
        if self.payments.rows and not self.cancelled:
            funds = OrderFunds(self.payments.rows, self.captures.rows.values())
            assert not any(funds.drawn_from(one) for one in self.payments.rows)


def test_money_adds_up_after_each_of_ten_thousand_commands() -> None:
    OrderMoney.commands = 0
    run_state_machine_as_test(OrderMoney, settings=settings(max_examples=500, stateful_step_count=50, deadline=None))
    assert OrderMoney.commands >= COMMANDS
