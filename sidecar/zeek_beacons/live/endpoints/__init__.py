"""Events of endpoints, read beside Zeek's candidates: which process opened the connections of a pair."""
