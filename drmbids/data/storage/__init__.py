"""Files and folders that are whole or not there, and fingerprints of what is in them."""
