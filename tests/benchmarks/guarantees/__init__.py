"""What the label model promises, each promise measured beside a baseline on real and on planted opinions."""
