"""`python -m waybill`."""

from waybill.main import run

run()
