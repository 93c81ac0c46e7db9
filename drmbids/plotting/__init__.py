"""Arrays and tables to matplotlib figures, one figure per file; nothing is read or written here."""
