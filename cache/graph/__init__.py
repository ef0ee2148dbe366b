"""Data about the Graph API that replicas share: each Page's rate limits, the person who granted its token, and its next
check."""
