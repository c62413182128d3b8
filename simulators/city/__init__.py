"""A city of people who measure, agree and like things: for the statistics, their attacks and their measure."""
