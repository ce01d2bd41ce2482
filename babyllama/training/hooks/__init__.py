"""What happens at the named moments of a run: counting, looking, recording, saving, stopping."""
