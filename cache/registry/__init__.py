"""Which Page belongs to which shop, each Page's sealed token and state, and whether the store has lost these data."""
