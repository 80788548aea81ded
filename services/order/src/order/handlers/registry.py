"""Where the order service keeps what it reacts to and works on: the functions beside this module add themselves."""

from chassis.jobs import Jobs
from chassis.reactions import Reactions

react = Reactions("order")
jobs = Jobs("order")
