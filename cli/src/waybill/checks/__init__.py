"""The project's checks: what `waybill test` runs, how it runs, and how its outcome is told."""
