"""The programs that are compared with Page Inbox: a server that does the minimum, and programs that a user would write
instead."""
