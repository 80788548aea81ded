"""How the mail and SMS simulators can be told to misbehave."""

from enum import StrEnum

from waybill.simulators.faults import FaultSetting


class DeliveryFault(StrEnum):
    """What happens to a message on its way in."""

    OK = "ok"
    REJECT_TEMPORARY = "reject_temporary"
    """Refused, come again."""
    REJECT_PERMANENT = "reject_permanent"
    """Refused for good."""
    SLOW = "slow"
    ACCEPT_THEN_DROP = "accept_then_drop"
    """Taken in, but the sender never learns of it."""
    DOWN = "down"


class DeliverySetting(FaultSetting[DeliveryFault]):
    """The present mode of delivery."""

    mode: DeliveryFault = DeliveryFault.OK
