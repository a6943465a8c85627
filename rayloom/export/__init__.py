"""Export: what a run can be taken away as."""
