"""The nouns of Page Inbox. Uses the standard library only: no HTTP, no Redis, no Facebook."""
