"""Simulates Facebook: makes realistic deliveries, signs them and sends them over HTTP."""
