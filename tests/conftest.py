"""What all tests rely on."""

import signal

# A shell that starts the tests in the background has them ignore interrupts, and what they start
# inherits that; the tests that interrupt a command would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
