"""Streams for viewers: new messages and changes from the store, live events that are never kept, and tickets."""
