"""`python -m inventory` serves; `python -m inventory migrate` brings the database up to date."""

import sys

import inventory
from chassis.app import main
from inventory.main import create
from inventory.settings import Settings

if __name__ == "__main__":
    main(inventory, sys.argv[1:], Settings, create)
