"""Label models side by side on real opinions: the sets, the methods, the differences between them."""
