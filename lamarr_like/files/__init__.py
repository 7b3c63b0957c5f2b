"""Files of every kind: where they are found and written, and what a document must look like."""
