"""The shop owner's page: static files, served with a strict policy, and nothing else. A client of the API like any."""
