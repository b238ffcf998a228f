"""What was measured, as one page with everything in it."""
