#pragma once

#include <zeek/plugin/Plugin.h>

namespace beacons {

class Plugin : public zeek::plugin::Plugin {
protected:
    zeek::plugin::Configuration Configure() override;
    void InitPostScript() override;
};

} // namespace beacons
