"""The service's calls of Facebook's Graph API. Answers are fetched on request and never stored."""
