"""Data about the Graph API that replicas share: each Page's rate limits, who granted its token, its next check."""
