"""A demonstration: customers who order, change their minds or cannot pay, and an operator who ships."""
