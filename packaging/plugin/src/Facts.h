// What an observation tells of its pair beside times and sizes.

#pragma once

#include "Seen.h"

namespace beacons {

void take_facts(RecordVal* p, const ValPtr& pair, const Seen& s);

} // namespace beacons
