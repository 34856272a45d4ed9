"""Models: the folder they live in, how an image is prepared for them, and their answer."""
