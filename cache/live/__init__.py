"""What viewers get: new messages and changes from the store, events that are never kept, and tickets for streams."""
