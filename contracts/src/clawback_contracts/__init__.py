"""What Clawback's services promise one another, and what consumers install."""
