"""What the clients read of one source each, as values, before anybody decides what it means."""
