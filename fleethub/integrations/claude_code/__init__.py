"""Claude Code: the hook that tells each session at its start what the fleet is."""
