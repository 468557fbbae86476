"""Questions to ask of the tape: each tool is an observer, and the tape knows none of them."""
