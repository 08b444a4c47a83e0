"""What a stage does: PTransforms and the plain functions under them, one folder per stage."""
