"""Total field to susceptibility in one step."""
