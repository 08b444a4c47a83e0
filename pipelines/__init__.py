"""What you run: the command, the configuration, one module per stage job, the order of stages."""
