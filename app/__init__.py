"""Makes the service and the commands from all other packages. No other package imports this package."""
