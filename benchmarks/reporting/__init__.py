"""What the commands share in telling what they measured: options, figures as text, tables, the machine, README.md."""
