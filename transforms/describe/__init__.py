"""What kind of prompt it is."""
