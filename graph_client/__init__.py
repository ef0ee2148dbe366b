"""What we ask of Facebook's Graph API: fetched when asked for, kept nowhere."""
