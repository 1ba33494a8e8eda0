#include "Plugin.h"

#include "Scripts.h"

namespace beacons {

Plugin plugin;

zeek::plugin::Configuration Plugin::Configure() {
    zeek::plugin::Configuration config;
    config.name = "Beacons::Tracker";
    config.description = "The hot functions of zeek-beacons' tracker, compiled";
    config.version = {1, 0, 0};
    return config;
}

void Plugin::InitPostScript() { find_scripts(); }

} // namespace beacons
