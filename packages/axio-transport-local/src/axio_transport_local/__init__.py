"""An offline model that chooses tools, as a transport."""
