"""Whether a backend can hold what is planned for it, and what would make it fit. Pure."""
