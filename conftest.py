"""Fixtures for all tests of the repository."""

pytest_plugins = ["chassis.testing"]
