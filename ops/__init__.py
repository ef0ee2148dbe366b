"""The parts for operating the service: settings, logs, metrics, health, background tasks."""
