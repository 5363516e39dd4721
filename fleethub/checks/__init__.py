"""A fleet's own checks (``[[check]]``): expressions and functions, asked of a view of the fleet without a secret."""
