"""What a reward head loses to wrong labels, and how much of it curation gives back."""
