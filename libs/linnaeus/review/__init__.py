"""What people should label next."""
