"""`python -m notification` serves; `python -m notification migrate` brings the database to the newest version."""

import sys

import notification
from chassis.app import main
from notification.main import create
from notification.settings import Settings

main(notification, sys.argv[1:], Settings, create)
