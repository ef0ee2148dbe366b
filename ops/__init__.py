"""How the service is run: settings, logs, metrics, health, background tasks."""
