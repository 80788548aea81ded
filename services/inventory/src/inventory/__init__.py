"""The inventory service: products and prices, warehouses, stock and what is held of it for orders."""
