"""The client for order composers: one JavaScript module, its types, and nothing that runs in the service."""
