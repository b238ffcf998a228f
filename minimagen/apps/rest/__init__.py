"""The REST interface: the shape that OpenAI's clients send, and jobs that need nobody to wait."""
