"""The nouns of Page Inbox. Standard library only; knows no HTTP, no Redis, no Facebook."""
