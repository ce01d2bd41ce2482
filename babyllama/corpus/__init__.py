"""Raw text: reading, cleaning, mixing."""
