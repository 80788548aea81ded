"""The order service's command line: `python -m order [migrate]`."""

import sys

import order
from chassis.app import main
from order.main import create
from order.settings import Settings

main(order, sys.argv[1:], Settings, create)
