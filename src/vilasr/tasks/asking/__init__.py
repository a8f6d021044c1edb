"""What the tasks over scenes share: the plan of a demonstration, options of a choice, words for objects."""
