"""What this machine remembers of fleets: which there are, what is trusted, what sessions are told."""
