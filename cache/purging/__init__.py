"""Deletion: by shop, Page, customer, conversation or message, with its receipts and people's own requests."""
