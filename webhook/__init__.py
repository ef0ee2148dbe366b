"""Requests that Facebook sends: signatures, the handshake, deliveries."""
