"""What Facebook sends us: signatures, the handshake, deliveries."""
