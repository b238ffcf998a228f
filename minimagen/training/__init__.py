"""Fitting a cascade stage by stage: the step, the loop around it, and what it leaves on disk."""
