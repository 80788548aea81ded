"""Run the payment service: `python -m payment [migrate]`."""

import sys

import payment
from chassis.app import main
from payment.main import create
from payment.settings import Settings

main(payment, sys.argv[1:], Settings, create)
