"""Judging what a cascade draws."""
