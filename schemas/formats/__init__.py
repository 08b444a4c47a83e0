"""One small module per outside format: bytes of a source in, input rows out."""
