"""The order service: owns carts, orders, their axes of status, shipments and history; never knows cards or stock levels."""
