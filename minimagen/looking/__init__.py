"""Looking inside: what a network reads, how a picture comes about, where it is hard to see."""
