"""Two other ways to build the same thing, measured on the same workload by the same means.

`dbos`: one program, a durable workflow per order (DBOS). `plain`: the design that most teams write, four services with
FastStream and an ORM, one message a transaction, an outbox that is polled. Both stand behind the same gateway, believe the same
tokens, honour the Idempotency-Key and write the same five durable steps into four databases: accept, reserve, authorise,
confirm, notify. They do no more than that: no audit, no cancellation, no prices from a catalogue, no tracing.
"""
