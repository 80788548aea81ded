"""A payment service provider that speaks the Stripe API and never forgets what it has done."""
