"""A trained cascade as it is handed on: one directory that says what it is and is checked.

    RELEASE.json     what loading reads, with sizes and hashes; how it was made, what was measured
    README.md        the same for people: the Hub's model card
    samples.png      what it draws
    parameters/      as a training directory has them
    state_dicts/     unet_<i>_state.safetensors, in fewer bits where that was asked for

It is laid out like a training directory, so whatever draws with one draws with the other.
``manifest`` reads and verifies it, ``writing`` makes it, ``card`` describes it; ``registry`` keeps
several under names and tags, ``hub`` brings them from and to the Hugging Face Hub, and ``finding``
knows all the places where one can be. How well it draws is measured elsewhere.
"""
