// The hot functions of the tracker, on the same records and tables as the scripts. What is unusual they leave to the
// script functions, which stay the one definition of what is to happen.

#pragma once

#include <zeek/Val.h>

namespace beacons {

// Each returns whether it has taken the thing. Where it has not, nothing has changed.
bool take_connection(zeek::RecordVal* c);
bool take_request(zeek::RecordVal* rec);
bool take_query(zeek::RecordVal* rec);
bool take_answer(zeek::RecordVal* c, zeek::RecordVal* msg, zeek::RecordVal* ans, zeek::ValPtr a);

} // namespace beacons
