"""What can be done with a picture: each edit is a small function of a canvas."""
