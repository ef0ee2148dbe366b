"""What replicas share about the Graph API: each Page's rate limits, who granted its token, when it is checked next."""
