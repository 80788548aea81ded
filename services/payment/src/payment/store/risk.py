"""The risk of orders: assessed in the transaction that claims their authorisation, and kept.

An authorisation is claimed when both the payment and the instrument are committed, whichever came first; so this is the one
place where all is known, and the claim's lock lets nobody assess an order twice. The rules in force, and what was seen of the
same hands before, come with the statement that claims, for the whole batch; what the rules say is written with one more. An
order that is claimed again keeps its first assessment. What a claim reads does not grow with what was assessed before: nothing
is counted further than a rule asks for. Orders that are claimed in the same moment by two processes do not count for each
other.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json

from chassis.database import Transaction
from payment.model import MARKS, Assessment, Crowd, Facts, Marker, RiskTerms, RuleSet, Seen, Verdict
from payment.settings import Settings

_ROW: Final = {
    "order_id": "uuid",
    "at": "timestamptz",
    "version": "int",
    "verdict": "text",
    "score": "int",
    "spoken": "text[]",
    "shadow": "boolean",
    "amount": "bigint",
    "most_units": "int",
    "abroad": "boolean",
    "domain_mark": "uuid",
    **{f"{by}_mark": "uuid" for by in MARKS},
}
_KEEP: Final = f"""
INSERT INTO assessment ({", ".join(_ROW)}) SELECT {", ".join(_ROW)}
FROM json_to_recordset($1::json) AS n({", ".join(f"{name} {kind}" for name, kind in _ROW.items())})
ON CONFLICT (order_id) DO NOTHING
"""
# By an index of its own, for who was turned away a thousand times is still a newcomer; and with a limit, for an EXISTS is
# taken for a question about all customers at once where a batch is large, and then all that was ever assessed is read.
_WELCOME: Final = "NOT s.declined AND (s.shadow OR s.verdict <> 'reject')"
_RULES: Final = "SELECT version, document FROM risk_rules ORDER BY version DESC LIMIT 1"


def _counted(by: str, facts: str, now: str) -> str:
    """Count orders of the same hands, or the declined ones among them, newest first and no more than the rule asks for.

    Declines are few, and have an index of their own: looked for among all orders they would cost more than all the rest.
    """
    orders, declines = (
        f"""(SELECT count(*) FROM (
            SELECT FROM assessment s WHERE s.{by}_mark = ({facts}->>'{by}')::uuid AND s.at > {now} - v.within{only}
            ORDER BY s.at DESC LIMIT v.at_least
        ) AS seen)"""
        for only in ("", " AND s.declined")
    )
    return f"WHEN '{by}' THEN CASE WHEN v.declines THEN {declines} ELSE {orders} END"


def assessing(claimed: str, *, now: str, known: str) -> str:
    """Write the end of a statement that answers the rows of `claimed` with what their assessment needs, or is already.

    `claimed` has an order_id, a change_id and the noted facts; `known` is the version of the rules that this process knows.
    """
    counts = " ".join(_counted(by, "c.facts", now) for by in MARKS)
    return f"""rules AS MATERIALIZED ({_RULES}), velocity AS MATERIALIZED (
    SELECT v.place, CASE WHEN v.rule->>'kind' = 'velocity' THEN v.rule->>'by' END AS "by",
        (v.rule->>'window_seconds')::int * interval '1 second' AS within,
        (v.rule->>'at_least')::int AS at_least, coalesce(v.rule->>'of', '') = 'declines' AS declines
    FROM rules, jsonb_array_elements(rules.document->'rules') WITH ORDINALITY AS v(rule, place)
)
SELECT c.*, a.version AS assessed_by, a.verdict, a.score, a.spoken, a.shadow,
    rules.version AS rules_version, CASE WHEN rules.version <> {known} THEN rules.document END AS rules,
    CASE WHEN a.order_id IS NULL THEN ARRAY(
        SELECT CASE v."by" {counts} ELSE 0 END FROM velocity v ORDER BY v.place
    ) END AS seen,
    a.order_id IS NULL AND (SELECT count(*) FROM (
        SELECT FROM assessment s WHERE s.user_mark = (c.facts->>'user')::uuid AND {_WELCOME} LIMIT 1
    ) AS one) > 0 AS known
FROM {claimed} c LEFT JOIN rules ON true LEFT JOIN assessment a ON a.order_id = c.order_id AND c.change_id IS NULL"""


def terms_in(remembered: dict[Any, Any]) -> RiskTerms:
    """Answer what the shop has set about risk, read once by each process."""
    terms: RiskTerms | None = remembered.get(RiskTerms)
    if terms is None:
        settings: Settings | None = remembered.get(Settings)
        terms = remembered[RiskTerms] = RiskTerms() if settings is None else _terms(settings)
    return terms


def terms_of(transaction: Transaction) -> RiskTerms:
    """Answer what the shop has set about risk."""
    return terms_in(transaction.remembered)


def _terms(settings: Settings) -> RiskTerms:
    marker = Marker(settings.risk_secret.get_secret_value())
    return RiskTerms(marker, timedelta(seconds=settings.review_seconds), settings.review_default)


def known_version(transaction: Transaction) -> int:
    """Tell which version of the rules this process has read, 0 for none."""
    return max(_remembered(transaction), default=0)


def _remembered(transaction: Transaction) -> dict[int, RuleSet]:
    versions: dict[int, RuleSet] = transaction.remembered.setdefault(RuleSet, {})
    return versions


async def assess(transaction: Transaction, claimed: Iterable[tuple[Any, int, int | None]]) -> Mapping[UUID, Assessment]:
    """Assess orders whose payments are claimed, in their order, and keep it: rows of `assessing`, with amount and most units.

    Answers the assessments of all of them, those that were made before included.
    """
    found: dict[UUID, Assessment] = {}
    crowd, fresh = Crowd(), []
    for row, amount, most_units in claimed:
        if row["verdict"] is not None:
            found[row["order_id"]] = _assessed(row)
        elif row["rules_version"] is not None:
            rules = _in_force(transaction, row)
            facts = Facts.read(amount, most_units, row["facts"])
            seen = Seen(rules.counts(row["seen"]), row["known"])
            made = rules.assess(facts, crowd.beside(facts, seen), row["rules_version"])
            crowd.add(facts)
            found[row["order_id"]] = made
            fresh.append(_row(row["order_id"], transaction.now, made, facts))
    if fresh:
        await transaction.fetch(_KEEP, to_json(fresh).decode())
    return found


def _in_force(transaction: Transaction, row: Mapping[str, Any]) -> RuleSet:
    """Answer the rules that the claim has met: read once a version, by each process."""
    versions, version = _remembered(transaction), row["rules_version"]
    if version not in versions:
        versions[version] = RuleSet.read(row["rules"], terms_of(transaction).marker, lenient=True)
    return versions[version]


def _assessed(row: Mapping[str, Any]) -> Assessment:
    verdict = Verdict(row["verdict"])
    return Assessment(row["assessed_by"], row["score"], tuple(row["spoken"]), verdict, shadow=row["shadow"])


def _row(order_id: UUID, at: Any, made: Assessment, facts: Facts) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "at": at,
        "version": made.version,
        "verdict": made.verdict,
        "score": made.score,
        "spoken": made.facts,
        "shadow": made.shadow,
        "amount": facts.amount,
        "most_units": facts.most_units,
        "abroad": facts.abroad,
        "domain_mark": facts.domain,
        **{f"{by}_mark": facts.marks.get(by) for by in MARKS},
    }
