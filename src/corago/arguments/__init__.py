"""Users' functions: what they ask for by name and type, and how it is filled and taken back."""
