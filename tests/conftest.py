"""What all tests rely on."""

import os
import signal

# A shell that starts the tests in the background has them ignore interrupts, and what they start
# inherits that; the tests that interrupt a command would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# In GitHub Actions `check` prints annotations; the tests say what it prints elsewhere.
os.environ.pop("GITHUB_ACTIONS", None)
