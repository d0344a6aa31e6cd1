"""Floor 4: argv becomes a request; one file a command."""
