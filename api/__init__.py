"""What shops ask of us, over HTTP."""
