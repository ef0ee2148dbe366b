"""What stands beside Page Inbox: the least a server can do, and what a user would write instead."""
