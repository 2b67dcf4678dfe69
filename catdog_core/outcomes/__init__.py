"""What trainings came to: verdicts on curves, and experiments of several runs."""
