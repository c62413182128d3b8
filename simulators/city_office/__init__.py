"""A made-up city office: people who move, marry and die, and the lists its system writes of them every night."""
