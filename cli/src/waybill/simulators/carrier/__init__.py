"""Carriers behind one API in EasyPost's shape: they sell labels, never forget one, and carry parcels that are handed over."""
