"""Reconciliation: every invariant of Waybill, checked over its four databases, the topics, the PSP's books and the sinks.

It reads and compares; it never repairs. Each database is read in one snapshot, and rows are streamed in the order of their keys
and merged, so that memory does not grow with the number of orders.
"""
