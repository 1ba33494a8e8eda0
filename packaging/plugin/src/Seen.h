// An observation before a record is made of it, and what is asked of what it is made from.

#pragma once

#include "Scripts.h"

#include <zeek/ZeekString.h>

#include <cmath>
#include <string_view>

namespace beacons {

constexpr double half_microsecond = 0.0000005;
constexpr size_t longest_name = 253;

// An observation before a record is made of it, which only unusual ones need.
struct Seen {
    ValPtr orig_h, orig_p, resp_h, resp_p, uid;
    StringValPtr name, service, state, channel;
    StringValPtr dns_name; // none where it is unset
    ValPtr certificate, client;
    RecordValPtr traits[2];
    StringValPtr carried; // none where it is empty
    ValPtr other_paths;
    StringValPtr asked, query_type;
    bool no_such_name = false;
    double start = 0.0, duration = -1.0;
    zeek_int_t orig_bytes = -1, resp_bytes = -1;
};

inline bool is_empty(const StringValPtr& text) { return text->Len() == 0; }
inline bool equal(const String* a, const StringValPtr& b) { return Bstr_eq(a, b->AsString()); }
inline std::string_view view(const String* text) {
    return {reinterpret_cast<const char*>(text->Bytes()), static_cast<size_t>(text->Len())};
}

// As microseconds() of the scripts rounds an interval.
inline double whole_microseconds(double seconds) { return std::floor(seconds / 1e-6 + 0.5) / 1000000.0; }

template<typename... T>
ListValPtr index(T&&... values) {
    auto key = make_intrusive<ListVal>(TYPE_ANY);
    (key->Append(std::forward<T>(values)), ...);
    return key;
}

// The place of a pair, 0 where it is not tracked.
zeek_uint_t place_in(const Global& table, const ValPtr& key);

bool is_local(const ValPtr& host);

// Whether nothing is left out of what has these ends, on a standalone Zeek. Where it may be, the scripts look closer.
bool is_wanted(const RecordVal* id);

// As server_name() of the scripts has nearly all names: letters at the end, no port, no address.
bool is_in_order(const String* raw);

// The registered domain of a name.
StringValPtr domain_of(const StringValPtr& name);

// The record of an observation, for the scripts.
RecordValPtr made(const Seen& s);

} // namespace beacons
