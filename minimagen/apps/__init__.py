"""A trained cascade for people without a shell and for programs: jobs, history, REST, a page."""
