"""What is wrong with a LiteLLM that somebody else set up: judged from one reading, without a spec. Pure."""
