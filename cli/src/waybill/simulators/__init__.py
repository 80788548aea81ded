"""Stand-ins for the outside world: a payment service provider, carriers, a mail server and an SMS provider.

Each is a process of its own that speaks the real protocol, keeps its own books and can be told over HTTP to misbehave. They
import nothing of the services, so what they say about money and messages is a second opinion.
"""
