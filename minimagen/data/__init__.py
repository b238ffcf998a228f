"""Where captioned pictures come from, and the endless stream that training draws from."""
