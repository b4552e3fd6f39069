"""What runs processes behind the Backend port; siblings do not know each other."""
