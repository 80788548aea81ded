"""Payments: holds, captures and gives back an order's money, and keeps the books."""
