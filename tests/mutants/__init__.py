"""What happens when a defence is taken out: a test must notice."""
