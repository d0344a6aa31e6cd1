"""What runs in the account, as inline Lambda code."""
