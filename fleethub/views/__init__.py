"""Functions from plans, events and findings to text or JSON. They print nothing."""
