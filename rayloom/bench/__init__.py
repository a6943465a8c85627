"""How fast the engine is, beside what the machine allows: measured in the same run."""
