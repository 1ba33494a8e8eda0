// The pairs that are tracked: what an observation does to its own.

#pragma once

#include "Seen.h"

namespace beacons {

// Whether a pair has left its mark in the sketch; it has from now on.
bool seen_pair_before(const Seen& s);
bool seen_name_before(const Seen& s);

// Takes an observation to its pair, which is at a place, or tracks the pair from now on.
void track_at(zeek_uint_t place, const Seen& s, bool named);

} // namespace beacons
