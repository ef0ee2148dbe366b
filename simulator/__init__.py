"""Facebook, played by us: realistic deliveries, signed and sent over HTTP."""
