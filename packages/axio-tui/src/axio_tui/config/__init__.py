"""Where the command keeps what it knows, and what a person has set."""
