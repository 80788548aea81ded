"""Where the handlers are known by the facts and the due rows they answer."""

from chassis.jobs import Jobs
from chassis.reactions import Reactions

react = Reactions("payment")
jobs = Jobs("payment")
