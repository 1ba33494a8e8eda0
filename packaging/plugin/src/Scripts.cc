#include "Scripts.h"

#include <zeek/Reporter.h>

#include <memory>

namespace beacons {

namespace {

// Beacons::tracker_contract of the scripts that this does the same as.
constexpr zeek_uint_t contract = 1;

std::unique_ptr<Scripts> found;

} // namespace

void find_scripts() {
    if ( ! id::find("Beacons::track_at") )
        return;
    try {
        if ( Global("Beacons::tracker_contract").Count() != contract )
            throw Misfit("another Beacons::tracker_contract");
        found = std::make_unique<Scripts>();
    } catch ( const Misfit& e ) {
        reporter->Warning("Beacons::Tracker does not fit the scripts and is not used: %s", e.what());
    }
}

bool have_scripts() { return found != nullptr; }

Scripts& scripts() { return *found; }

} // namespace beacons
